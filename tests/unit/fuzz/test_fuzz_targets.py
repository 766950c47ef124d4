"""The fuzzer's targets: what was found before, and some new cases of each."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.cases import INPUTS_PER_SLICE
from tests.fuzz.cpu_limit import hangs_interrupted, run_within_limit
from tests.fuzz.mutation import Mutator
from tests.fuzz.output import silent
from tests.fuzz.store import corpus_cases
from tests.fuzz.target import Target
from tests.fuzz.targets.registry import PLANS

# A slow machine may take longer for a case than `make fuzz` allows.
MANY_SECONDS = 60


@pytest.fixture(params=PLANS)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    with silent(), hangs_interrupted():
        yield PLANS[request.param].make(monkeypatch)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["target"])


def test_nothing_that_was_found_before_shows_again(name: str, target: Target) -> None:
    cases = [*corpus_cases(name)]
    assert cases
    for case in cases:
        run_within_limit(lambda case=case: target.run(case), MANY_SECONDS)  # type: ignore[misc]


def test_a_mutated_case_of_a_target_is_accounted_for(name: str, target: Target) -> None:
    kept = [*corpus_cases(name)]

    @settings(max_examples=25)
    @given(st.integers(0, 2**64))
    def is_accounted_for(seed: int) -> None:
        case = target.make(Mutator(Random(seed)), kept)
        run_within_limit(lambda: target.run(case), MANY_SECONDS)

    is_accounted_for()


def test_the_shares_of_the_targets_make_a_million() -> None:
    assert sum(plan.share for plan in PLANS.values()) == 1_000_000


def test_a_slice_holds_whole_cases(target: Target) -> None:
    assert INPUTS_PER_SLICE % target.inputs_per_case == 0
