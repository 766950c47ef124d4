"""The steps of a chaos run, and the times at which they are due."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.chaos.plan import Gap, Plan
from local.chaos.source.traffic import Traffic, TrafficEvent

REPEATED, POISON = 0.20, 0.05
"""The number of repeated events and of malformed messages, as fractions of the number of events."""
BATCH = 10
"""The number of messages in an SQS call and in an invocation."""


@dataclass(frozen=True, slots=True)
class Publication:
    """An event that is published, or a malformed message that is sent straight to the queue.

    Attributes
    ----------
    at
        When it is due, in seconds from the start of the run.
    event
        The event; None for a malformed message.
    conversation_id
        The event's conversation; empty for malformed messages.
    body, reject_reason
        The malformed message, and the reason for which it must be rejected.
    is_dropped
        Whether Genesys Cloud loses the event.
    """

    at: float
    event: Mapping[str, Any] | None = None
    conversation_id: str = ""
    body: str = ""
    reject_reason: str = ""
    is_dropped: bool = False


@dataclass(frozen=True, slots=True)
class GapStep:
    """The beginning of a gap, or its end, at which the watchdog must heal."""

    at: float
    gap: Gap
    begins: bool


Step = Publication | GapStep


def count_repeats(traffic: Traffic) -> int:
    """Return how many events are published twice at the same moment.

    As many other events are published again later.
    """
    return round(len(traffic.events) * REPEATED / 2)


def scheduled_steps(plan: Plan, rng: random.Random, traffic: Traffic) -> list[Step]:
    """Return all steps in the order in which they are due."""
    steps = [*_publications(plan, rng, traffic)]
    gaps = [
        GapStep(at, gap, begins)
        for gap in plan.gaps
        for at, begins in ((gap.at, True), (gap.until, False))
    ]
    # At the same time, a gap begins before events are published and ends before them, too.
    return sorted([*gaps, *steps], key=lambda step: step.at)


def _publications(plan: Plan, rng: random.Random, traffic: Traffic) -> Iterator[Publication]:
    shuffled = rng.sample(list(traffic.events), len(traffic.events))
    half = count_repeats(traffic)
    for number, start in enumerate(range(0, half, BATCH)):
        group = shuffled[start : min(start + BATCH, half)]
        # The webhook is down in the first half. Its failures would spread the group over several
        # batches.
        at = _moment(plan, rng, plan.window / 2, group)
        # If each event comes twice in a row, both messages are in one batch. If the whole group
        # comes twice, it reaches two workers at the same time.
        together = [event for event in group for _ in range(2)] if number % 3 == 2 else group * 2
        yield from (_publish(at, event) for event in together)
    for event in shuffled[half : 2 * half]:
        at = _moment(plan, rng, 0, [event])
        yield _publish(at, event)
        yield _publish(at + rng.uniform(*plan.repeat_after), event)
    for event in shuffled[2 * half :]:
        is_dropped = event.may_be_lost and rng.random() < plan.dropped
        yield _publish(_moment(plan, rng, 0, [event]), event, is_dropped=is_dropped)
    for number in range(round(len(traffic.events) * POISON)):
        poison = traffic.malformed[number % len(traffic.malformed)]
        at = rng.uniform(0, plan.window)
        yield Publication(at, body=poison.body, reject_reason=poison.reason)


def _moment(
    plan: Plan, rng: random.Random, earliest: float, group: Sequence[TrafficEvent]
) -> float:
    """Return a random time, outside of the gaps unless the whole group may be lost."""
    while True:
        at = rng.uniform(earliest, plan.window)
        if all(event.may_be_lost for event in group) or not plan.is_in_gap(at):
            return at


def _publish(at: float, event: TrafficEvent, *, is_dropped: bool = False) -> Publication:
    return Publication(at, event.body, event.conversation_id, is_dropped=is_dropped)


def event_key(event: Mapping[str, Any]) -> str:
    """Return a key that an event shares with its repeats only."""
    if "id" in event:
        return str(event["id"])
    attributes = event["attributes"]
    return json.dumps([attributes["conversationId"], attributes["queueId"], event["eventTime"]])
