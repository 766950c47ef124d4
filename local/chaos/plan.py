"""The plan of a chaos run: the number of ends, the time in which they are sent, and the faults."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.chaos.faults import Fault

ANALYTICS, ANSWERS_OF_ANALYTICS = "analytics", "answers of analytics"
"""The targets of faults in Genesys Cloud's analytics."""
FaultCounts = Mapping[str, Mapping[str, int]]
"""The number of faults, keyed by kind, then by target."""
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
FULL_RUN_DETAILS_FAULTS: FaultCounts = {
    "killed before": {"UpdateItem": 1},
    "killed after": {"UpdateItem": 1},
    "throttled": {"UpdateItem": 3},
    "error 500": {"UpdateItem": 2},
    "connection dropped": {"UpdateItem": 2, ANALYTICS: 6},
    "answer lost": {"UpdateItem": 2},
    "delayed": {"UpdateItem": 3},
}
"""The further faults of a run of 5,000 ends with details."""
SHORT_RUN_DETAILS_FAULTS: FaultCounts = {
    "killed after": {"UpdateItem": 1},
    "error 500": {"UpdateItem": 1},
    "connection dropped": {ANALYTICS: 1},
    "answer lost": {"UpdateItem": 1},
}
RATES = {"subscription": 100, "eventbridge": 120}
"""The events that a small machine processes in a second, keyed by delivery."""
GAP = 0.03
"""How long a gap lasts, as a share of the time in which all events are published."""
DROPPED = 0.02
"""The share of the events that Genesys Cloud loses one by one."""
CALLS_AFTER_FAILURES = {"look", "takeover", "release", "ChangeMessageVisibilityBatch"}
"""Operations that the worker calls only after a failure."""
POISON_CALLS = {"SendMessageBatch", "DeleteMessageBatch"}
CONNECTIONS_REFUSED = "connections refused"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which Genesys Cloud loses what is published, until the watchdog heals it.

    Attributes
    ----------
    kind
        What happens to the subscription or integration: `deleted` or `disabled`.
    at, until
        In seconds from the start of the run. The run then stands still until the watchdog is done.
    """

    kind: str
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run. All times are in seconds.

    Attributes
    ----------
    events
        The number of distinct events.
    window
        The time in which all events are published.
    repeat_after
        The shortest and the longest time after which an event is published again.
    faults
        The faults that strike one call each.
    down_for
        How long the webhook receiver is down.
    refused_for
        How long each receiver refuses connections.
    drain_seconds
        How long the intake queue may take to become empty after all messages were sent.
    visibility_timeout
        The intake queue's visibility timeout; None to keep the deployed value.
    details
        The setting `details`: `none` or `analytics`.
    delivery
        The setting `delivery`: `subscription` or `eventbridge`.
    gaps
        What happens to the subscription or integration.
    dropped
        The share of the events that Genesys Cloud loses one by one.
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
    details: str = "none"
    delivery: str = "subscription"
    gaps: tuple[Gap, ...] = ()
    dropped: float = 0.0

    def is_in_gap(self, at: float) -> bool:
        """Return whether an event that is published at this time is lost."""
        return any(gap.at <= at < gap.until for gap in self.gaps)

    def schedule(self, rng: random.Random) -> list[Fault]:
        """Return the faults with their times inside the window."""

        def moment(target: str) -> float:
            # Only the few malformed messages cause POISON_CALLS, so their faults are due early.
            return self.window * rng.uniform(0.15, 0.3 if target in POISON_CALLS else 0.8)

        return [
            *(
                Fault(kind, target, moment(target))
                for kind, counts in self.faults.items()
                for target, number in counts.items()
                for _ in range(number)
            ),
            # Due first, because other faults may later leave too few calls to the webhook.
            Fault("down", "webhook", 0, self.down_for),
            Fault(CONNECTIONS_REFUSED, "listener of crm", self.window * 0.1, self.refused_for),
            Fault(CONNECTIONS_REFUSED, "listener of webhook", self.window * 0.7, self.refused_for),
            *(self._analytics_faults() if self.details == "analytics" else ()),
        ]

    def _analytics_faults(self) -> list[Fault]:
        """Return the faults of the analytics that last for some time."""
        tenth = self.window / 10
        return [
            Fault("rate limited", ANALYTICS, tenth, tenth),
            Fault("answered by half", ANSWERS_OF_ANALYTICS, 3 * tenth, 2 * tenth),
            Fault("rate limited", ANALYTICS, 4 * tenth, 0),
            Fault("down", ANALYTICS, 6 * tenth, 1.5 * tenth),
        ]


def full_plan(
    seed: int, events: int, details: str = "none", delivery: str = "subscription"
) -> Plan:
    """Return the plan of `make chaos`, which takes five minutes or more, and longer with details.

    With details, the worker is bounded by the requests that Genesys Cloud permits.
    """
    # From 5,000 events on, the number of faults grows more slowly: each kill costs seconds of CPU.
    scale = min(events / 5000, (events / 5000) ** 0.5)
    counts_of_kinds = FULL_RUN_FAULTS
    if details == "analytics":
        counts_of_kinds = _merged(FULL_RUN_FAULTS, FULL_RUN_DETAILS_FAULTS)
    window = max(90, events / (RATES[delivery] if details == "none" else 20))
    return Plan(
        seed=seed,
        events=events,
        window=window,
        repeat_after=(60, 80),
        faults={
            kind: {target: max(1, round(n * scale)) for target, n in counts.items()}
            for kind, counts in counts_of_kinds.items()
        },
        down_for=35,
        refused_for=4,
        drain_seconds=(100 if details == "none" else 200) + window / 2,
        details=details,
        delivery=delivery,
        gaps=_gaps(window, ("deleted", "disabled")),
        dropped=DROPPED,
    )


def short_plan(seed: int, details: str = "none", delivery: str = "subscription") -> Plan:
    """Return a plan that has every kind of fault and takes about a minute."""
    window = 8
    return Plan(
        seed=seed,
        events=300 if delivery == "subscription" else 600,
        window=window,
        repeat_after=(6, 8),
        faults=SHORT_RUN_FAULTS
        if details == "none"
        else _merged(SHORT_RUN_FAULTS, SHORT_RUN_DETAILS_FAULTS),
        down_for=3,
        refused_for=1,
        drain_seconds=120,
        # A batch whose process was killed comes back after this time. The deployed value, six times
        # the function's timeout, would take too long.
        visibility_timeout=12,
        details=details,
        delivery=delivery,
        gaps=_gaps(window, ("deleted", "disabled")),
        dropped=DROPPED,
    )


def _gaps(window: float, kinds: Sequence[str]) -> tuple[Gap, ...]:
    """Return a gap of each kind, between the times at which receivers refuse connections."""
    starts = (0.4 + 0.2 * number / len(kinds) for number in range(len(kinds)))
    return tuple(
        Gap(kind, window * start, window * (start + GAP))
        for kind, start in zip(kinds, starts, strict=True)
    )


def _merged(one: FaultCounts, other: FaultCounts) -> FaultCounts:
    return {kind: {**one.get(kind, {}), **other.get(kind, {})} for kind in {**one, **other}}
