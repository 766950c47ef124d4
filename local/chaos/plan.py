"""What a run of chaos is to be: how many ends, for how long, and which faults strike."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from local.chaos.faults import Fault

Numbers = Mapping[str, Mapping[str, int]]
"""How often each kind of fault strikes single calls, by the place of these."""
OF_A_FULL_RUN: Numbers = {
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
"""Of 5,000 events."""
OF_A_SHORT_RUN: Numbers = {
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
OF_FAILED_ENDS = {"look", "takeover", "release", "ChangeMessageVisibilityBatch"}
"""Calls that come only when some end has failed before."""
OF_POISON = {"SendMessageBatch", "DeleteMessageBatch"}
SHUT = "connections refused"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be; all times in seconds.

    Attributes
    ----------
    events
        Distinct ends.
    window
        For how long they come in.
    apart
        How long after its event a late duplicate comes, at least and at most.
    faults
        What strikes single calls, and how often.
    down
        For how long the webhook's receiver is down.
    shut
        For how long each of the receivers refuses connections.
    patience
        How long what is still under way afterwards may take to come to its end.
    visibility
        The intake queue's visibility timeout; None leaves it as it was deployed.
    """

    seed: int
    events: int
    window: float
    apart: tuple[float, float]
    faults: Numbers
    down: float
    shut: float
    patience: float
    visibility: int | None = None

    def schedule(self, rng: random.Random) -> list[Fault]:
        """Return the faults; they strike while events come in."""

        def moment(place: str) -> float:
            # There are few messages of poison: some must come after the last of its faults.
            return self.window * rng.uniform(0.15, 0.3 if place in OF_POISON else 0.8)

        return [
            *(
                Fault(kind, place, moment(place))
                for kind, places in self.faults.items()
                for place, number in places.items()
                for _ in range(number)
            ),
            # Before the others, which may leave hardly a worker to call it.
            Fault("down", "webhook", 0, self.down),
            Fault(SHUT, "listener of crm", self.window * 0.1, self.shut),
            Fault(SHUT, "listener of webhook", self.window * 0.7, self.shut),
        ]


def full(seed: int, events: int) -> Plan:
    """Return the plan of `make chaos`: as much as there is time for in five minutes."""
    scale = events / 5000
    return Plan(
        seed=seed,
        events=events,
        # No more a second than a small machine takes in.
        window=max(90, events / 60),
        apart=(60, 80),
        faults={
            kind: {place: max(1, round(n * scale)) for place, n in places.items()}
            for kind, places in OF_A_FULL_RUN.items()
        },
        down=35,
        shut=4,
        patience=100,
    )


def short(seed: int) -> Plan:
    """Return a plan with every kind of fault that is over within a minute."""
    return Plan(
        seed=seed,
        events=300,
        window=8,
        apart=(6, 8),
        faults=OF_A_SHORT_RUN,
        down=3,
        shut=1,
        patience=120,
        # A batch that was killed comes back after it; six times the timeout would be too long.
        visibility=12,
    )
