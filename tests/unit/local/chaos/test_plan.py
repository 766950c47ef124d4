"""The plan of a chaos run: which faults strike, and when."""

import random
from collections import Counter

import pytest

from local.chaos.plan import (
    ANALYTICS,
    ANSWERS_OF_ANALYTICS,
    CONNECTIONS_REFUSED,
    POISON_CALLS,
    Plan,
    full_plan,
    short_plan,
)

OF_ANALYTICS = [
    ("rate limited", ANALYTICS),
    ("rate limited", ANALYTICS),
    ("down", ANALYTICS),
    ("answered by half", ANSWERS_OF_ANALYTICS),
]
PLANS = {
    "full": full_plan(1, 5_000),
    "short": short_plan(1),
    "full with partner events": full_plan(1, 5_000, delivery="eventbridge"),
    "full with details": full_plan(1, 5_000, "analytics"),
    "short with details": short_plan(1, "analytics"),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_fault_strikes_while_ends_arrive_and_faults_of_poison_calls_early(plan: Plan) -> None:
    schedule = plan.schedule(random.Random(1))

    assert Counter((fault.kind, fault.target) for fault in schedule) == Counter(
        {(kind, target): n for kind, counts in plan.faults.items() for target, n in counts.items()}
    ) + Counter(
        [
            ("down", "webhook"),
            (CONNECTIONS_REFUSED, "listener of crm"),
            (CONNECTIONS_REFUSED, "listener of webhook"),
            *(OF_ANALYTICS if plan.details == "analytics" else ()),
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


def test_a_run_without_details_has_no_faults_of_theirs() -> None:
    for plan in (full_plan(1, 5_000), short_plan(1)):
        targets = {fault.target for fault in plan.schedule(random.Random(1))}
        assert targets.isdisjoint({ANALYTICS, ANSWERS_OF_ANALYTICS, "UpdateItem"})
