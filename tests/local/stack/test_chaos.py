"""A short run of `make chaos`: every kind of fault, and every end accounted for."""

import pytest

from local.chaos.chaos import main, run
from local.chaos.plan import FULL_RUN_FAULTS, SHORT_RUN_FAULTS, short_plan

# A process for it alone: it takes as long as many others together.
pytestmark = pytest.mark.xdist_group("chaos")


def test_no_end_is_lost_and_none_delivered_twice_unless_its_process_was_killed() -> None:
    assert run(short_plan(1, "analytics")) == 0, "see above what does not balance"


def test_a_short_run_has_every_kind_of_fault_that_a_full_one_has() -> None:
    assert SHORT_RUN_FAULTS.keys() == FULL_RUN_FAULTS.keys()


def test_a_run_that_is_too_small_for_its_faults_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--events", "20"])

    assert ended.value.code == 2
    assert "100 or more" in capsys.readouterr().err
