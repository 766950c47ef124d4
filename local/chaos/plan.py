"""What a run of chaos is to be: how many ends, for how long, and which faults strike."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from local.chaos.faults import Fault, spread

OF_A_FULL_RUN = {
    ("killed before", "claim"): 3,
    ("killed after", "claim"): 3,
    ("killed before", "look"): 1,
    ("killed before", "takeover"): 1,
    ("killed after", "takeover"): 1,
    ("killed before", "PutEvents"): 2,
    ("killed after", "PutEvents"): 3,
    ("killed before", "mark"): 4,
    ("killed after", "mark"): 4,
    ("killed before", "release"): 1,
    ("killed after", "release"): 1,
    ("killed after", "SendMessageBatch"): 2,
    ("killed before", "ChangeMessageVisibilityBatch"): 1,
    ("hangs", "crm"): 2,
    ("throttled", "claim"): 5,
    ("throttled", "mark"): 8,
    ("throttled", "PutEvents"): 5,
    ("throttled", "SendMessageBatch"): 2,
    ("statements throttled", "claim"): 6,
    ("statements throttled", "mark"): 6,
    ("error 500", "claim"): 3,
    ("error 500", "look"): 2,
    ("error 500", "mark"): 3,
    ("error 500", "PutEvents"): 3,
    ("error 500", "DeleteMessageBatch"): 1,
    ("connection dropped", "claim"): 3,
    ("connection dropped", "mark"): 3,
    ("connection dropped", "PutEvents"): 3,
    ("answer lost", "claim"): 4,
    ("answer lost", "takeover"): 2,
    ("answer lost", "mark"): 4,
    ("answer lost", "release"): 2,
    ("carried out late", "claim"): 1,
    ("carried out late", "takeover"): 1,
    ("carried out late", "mark"): 4,
    ("carried out late", "release"): 1,
    ("delayed", "claim"): 3,
    ("delayed", "mark"): 3,
    ("delayed", "PutEvents"): 3,
    ("refused", "crm"): 60,
    ("refused", "webhook"): 60,
    ("slow", "crm"): 30,
    ("slow", "webhook"): 30,
}
"""How often what strikes single calls, in a run of 5,000 events."""
OF_A_SHORT_RUN = {
    ("killed after", "claim"): 1,
    ("killed after", "PutEvents"): 1,
    ("killed before", "mark"): 1,
    ("killed after", "mark"): 1,
    ("killed after", "SendMessageBatch"): 1,
    ("hangs", "crm"): 1,
    ("throttled", "claim"): 1,
    ("throttled", "PutEvents"): 1,
    ("statements throttled", "claim"): 1,
    ("statements throttled", "mark"): 1,
    ("error 500", "mark"): 1,
    ("error 500", "DeleteMessageBatch"): 1,
    ("connection dropped", "PutEvents"): 1,
    ("connection dropped", "mark"): 1,
    ("answer lost", "claim"): 1,
    ("answer lost", "takeover"): 1,
    ("answer lost", "mark"): 1,
    ("carried out late", "mark"): 2,
    ("delayed", "release"): 1,
    ("refused", "crm"): 3,
    ("refused", "webhook"): 3,
    ("slow", "crm"): 2,
    ("slow", "webhook"): 2,
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
    faults: Mapping[tuple[str, str], int]
    down: float
    shut: float
    patience: float
    worker_timeout: int
    visibility: int | None = None

    def schedule(self, rng: random.Random) -> list[Fault]:
        """Return the faults; they strike while events come in."""
        poison = {what: number for what, number in self.faults.items() if what[1] in OF_POISON}
        others = {what: number for what, number in self.faults.items() if what[1] not in OF_POISON}
        # There are few messages of poison: some must come after the last fault that waits for one.
        start = self.window * 0.15
        once = spread(rng, poison, start, self.window * 0.3)
        once += spread(rng, others, start, self.window * 0.8)
        return [
            *once,
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
        faults={what: max(1, round(n * scale)) for what, n in OF_A_FULL_RUN.items()},
        down=35,
        shut=4,
        patience=100,
        worker_timeout=10,
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
        worker_timeout=10,
        # A batch that was killed comes back after it; six times the timeout would be too long.
        visibility=12,
    )
