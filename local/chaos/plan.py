"""The plan of a chaos run: how many ends, over which time, and which faults."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from local.chaos.faults import Fault

FaultCounts = Mapping[str, Mapping[str, int]]
"""How many faults of each kind strike each target."""
FULL_RUN_FAULTS: FaultCounts = {
    "killed before": {
        "claim": 3,
        "look": 1,
        "takeover": 1,
        "PutEvents": 2,
        "mark": 4,
        "release": 1,
        "ChangeMessageVisibilityBatch": 1,
    },
    "killed after": {
        "claim": 3,
        "takeover": 1,
        "PutEvents": 3,
        "mark": 4,
        "release": 1,
        "SendMessageBatch": 2,
    },
    "hangs": {"crm": 2},
    "throttled": {"claim": 5, "mark": 8, "PutEvents": 5, "SendMessageBatch": 2},
    "statements throttled": {"claim": 6, "mark": 6},
    "error 500": {"claim": 3, "look": 2, "mark": 3, "PutEvents": 3, "DeleteMessageBatch": 1},
    "connection dropped": {"claim": 3, "mark": 3, "PutEvents": 3},
    "answer lost": {"claim": 4, "takeover": 2, "mark": 4, "release": 2},
    "carried out late": {"claim": 1, "takeover": 1, "mark": 4, "release": 1},
    "delayed": {"claim": 3, "mark": 3, "PutEvents": 3},
    "refused": {"crm": 60, "webhook": 60},
    "slow": {"crm": 30, "webhook": 30},
}
"""The faults of a run of 5,000 ends."""
SHORT_RUN_FAULTS: FaultCounts = {
    "killed after": {"claim": 1, "PutEvents": 1, "mark": 1, "SendMessageBatch": 1},
    "killed before": {"mark": 1},
    "hangs": {"crm": 1},
    "throttled": {"claim": 1, "PutEvents": 1},
    "statements throttled": {"claim": 1, "mark": 1},
    "error 500": {"mark": 1, "DeleteMessageBatch": 1},
    "connection dropped": {"PutEvents": 1, "mark": 1},
    "answer lost": {"claim": 1, "takeover": 1, "mark": 1},
    "carried out late": {"mark": 2},
    "delayed": {"release": 1},
    "refused": {"crm": 3, "webhook": 3},
    "slow": {"crm": 2, "webhook": 2},
}
CALLS_AFTER_FAILURES = {"look", "takeover", "release", "ChangeMessageVisibilityBatch"}
"""Operations that the worker calls only after an end has failed."""
POISON_CALLS = {"SendMessageBatch", "DeleteMessageBatch"}
CONNECTIONS_REFUSED = "connections refused"


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run; all times are in seconds.

    Attributes
    ----------
    events
        The number of distinct ends.
    window
        The time over which they are sent.
    repeat_after
        The shortest and the longest time between an end and its late repeat.
    faults
        The faults that strike single calls.
    down_for
        How long the webhook receiver is down.
    refused_for
        How long each receiver refuses connections.
    drain_seconds
        How long the intake queue may take to become empty afterwards.
    visibility_timeout
        The intake queue's visibility timeout; None for the deployed one.
    """

    seed: int
    events: int
    window: float
    repeat_after: tuple[float, float]
    faults: FaultCounts
    down_for: float
    refused_for: float
    drain_seconds: float
    visibility_timeout: int | None = None

    def schedule(self, rng: random.Random) -> list[Fault]:
        """Return the faults with their times inside the window."""

        def moment(target: str) -> float:
            # Poison messages are few, and some must come after the last fault that strikes them.
            return self.window * rng.uniform(0.15, 0.3 if target in POISON_CALLS else 0.8)

        return [
            *(
                Fault(kind, target, moment(target))
                for kind, counts in self.faults.items()
                for target, number in counts.items()
                for _ in range(number)
            ),
            # This comes first: other faults may leave too few workers to call the webhook.
            Fault("down", "webhook", 0, self.down_for),
            Fault(CONNECTIONS_REFUSED, "listener of crm", self.window * 0.1, self.refused_for),
            Fault(CONNECTIONS_REFUSED, "listener of webhook", self.window * 0.7, self.refused_for),
        ]


def full(seed: int, events: int) -> Plan:
    """Return the plan of `make chaos`, which takes about five minutes."""
    scale = events / 5000
    return Plan(
        seed=seed,
        events=events,
        # A small machine processes 60 ends a second.
        window=max(90, events / 60),
        repeat_after=(60, 80),
        faults={
            kind: {target: max(1, round(n * scale)) for target, n in counts.items()}
            for kind, counts in FULL_RUN_FAULTS.items()
        },
        down_for=35,
        refused_for=4,
        drain_seconds=100,
    )


def short(seed: int) -> Plan:
    """Return a plan of a run with every kind of fault that takes less than a minute."""
    return Plan(
        seed=seed,
        events=300,
        window=8,
        repeat_after=(6, 8),
        faults=SHORT_RUN_FAULTS,
        down_for=3,
        refused_for=1,
        drain_seconds=120,
        # A killed batch comes back after this time; the deployed one is six function timeouts.
        visibility_timeout=12,
    )
