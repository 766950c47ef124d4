"""The contenders, in processes of their own."""

from pathlib import Path

import pytest

from bench.contenders.process import ContenderProcess
from bench.contenders.setup import Setup


@pytest.mark.parametrize(
    "setup",
    [
        Setup("ours", "actions,bus"),
        Setup("ours", "actions,bus", aws="memory"),
        Setup("idempotent", "actions,bus"),
        Setup("parsing"),
    ],
    ids=str,
)
def test_a_contender_processes_a_batch_without_failures(setup: Setup) -> None:
    with ContenderProcess(setup) as process:
        turn = process.turn(3)

    assert turn.cpu > 0
    assert turn.wall > 0


def test_a_contender_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with ContenderProcess(Setup("plain")) as process, pytest.raises(RuntimeError, match="'plain'"):
        process.turn(tmp_path / "no payload.json")
