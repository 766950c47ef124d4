"""The plan of a chaos run: which faults strike, and when."""

import random
from collections import Counter

import pytest

from local.chaos.plan import CONNECTIONS_REFUSED, POISON_CALLS, Plan, full_plan, short_plan


@pytest.mark.parametrize("plan", [full_plan(1, 5_000), short_plan(1)], ids=["full", "short"])
def test_every_fault_strikes_while_ends_arrive_and_faults_of_poison_calls_early(plan: Plan) -> None:
    schedule = plan.schedule(random.Random(1))

    assert Counter((fault.kind, fault.target) for fault in schedule) == Counter(
        {(kind, target): n for kind, counts in plan.faults.items() for target, n in counts.items()}
    ) + Counter(
        [
            ("down", "webhook"),
            (CONNECTIONS_REFUSED, "listener of crm"),
            (CONNECTIONS_REFUSED, "listener of webhook"),
        ]
    )
    assert max(fault.at for fault in schedule) <= plan.window * 0.8
    assert max(f.at for f in schedule if f.target in POISON_CALLS) <= plan.window * 0.3


def test_the_same_seed_plans_the_same_faults() -> None:
    schedules = [short_plan(1).schedule(random.Random(seed)) for seed in (1, 1, 2)]

    assert schedules[0] == schedules[1] != schedules[2]


def test_a_small_run_has_fewer_faults_of_every_kind() -> None:
    small, large = full_plan(1, 500).faults, full_plan(1, 5_000).faults

    assert {kind: counts.keys() for kind, counts in small.items()} == {
        kind: counts.keys() for kind, counts in large.items()
    }
    assert small["refused"]["crm"] == 6
    assert small["hangs"]["crm"] == 1
