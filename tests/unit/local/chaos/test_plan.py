"""The plan of a run: which faults strike, and when."""

import random
from collections import Counter

import pytest

from local.chaos.plan import OF_POISON, SHUT, Plan, full, short


@pytest.mark.parametrize("plan", [full(1, 5_000), short(1)], ids=["full", "short"])
def test_every_fault_strikes_while_ends_come_in_and_those_of_poison_early(plan: Plan) -> None:
    schedule = plan.schedule(random.Random(1))

    assert Counter((fault.kind, fault.place) for fault in schedule) == Counter(
        {(kind, place): n for kind, places in plan.faults.items() for place, n in places.items()}
    ) + Counter([("down", "webhook"), (SHUT, "listener of crm"), (SHUT, "listener of webhook")])
    assert max(fault.at for fault in schedule) <= plan.window * 0.8
    assert max(f.at for f in schedule if f.place in OF_POISON) <= plan.window * 0.3


def test_the_same_seed_plans_the_same_faults() -> None:
    schedules = [short(1).schedule(random.Random(seed)) for seed in (1, 1, 2)]

    assert schedules[0] == schedules[1] != schedules[2]


def test_a_small_run_has_fewer_faults_of_every_kind() -> None:
    small, large = full(1, 500).faults, full(1, 5_000).faults

    assert {kind: places.keys() for kind, places in small.items()} == {
        kind: places.keys() for kind, places in large.items()
    }
    assert small["refused"]["crm"] == 6
    assert small["hangs"]["crm"] == 1
