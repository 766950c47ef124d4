"""The messages of a chaos run and the times at which they are sent."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from local.chaos.plan import Plan
from local.traffic.subscription import OUR_QUEUES, Event, conversations, malformed_bodies

REPEATED, POISON = 0.20, 0.05
"""The number of repeated messages and of malformed messages, as fractions of the number of ends."""
BATCH = 10
"""The number of messages in an SQS call and in an invocation."""


@dataclass(frozen=True, slots=True)
class ScheduledMessage:
    """A message of the run.

    Attributes
    ----------
    at
        When the message is sent, in seconds from the start of the run.
    reject_reason
        The reason for which a malformed message must be rejected; empty for other messages.
    conversation_id
        The conversation of an end; empty for malformed messages.
    """

    at: float
    body: str
    reject_reason: str = ""
    conversation_id: str = ""


def make_distinct_ends(plan: Plan) -> list[Event]:
    """Return as many distinct ends as the plan says."""
    # The limit of a million conversations is never reached: each conversation has an end or more.
    events = conversations(plan.seed, 1_000_000, own_share=1, other_type_share=0)
    return list(islice((event for event in events if event.queue_id in OUR_QUEUES), plan.events))


def count_repeats(ends: Sequence[Event]) -> int:
    """Return how many ends are sent twice at the same moment.

    As many other ends are sent again later.
    """
    return round(len(ends) * REPEATED / 2)


def scheduled_messages(
    plan: Plan, rng: random.Random, ends: Sequence[Event]
) -> list[ScheduledMessage]:
    """Return all messages in the order in which they are sent."""
    return sorted(_messages(plan, rng, ends), key=lambda message: message.at)


def _messages(plan: Plan, rng: random.Random, ends: Sequence[Event]) -> Iterator[ScheduledMessage]:
    shuffled = rng.sample(list(ends), len(ends))
    half = count_repeats(ends)
    for number, start in enumerate(range(0, half, BATCH)):
        group = shuffled[start : min(start + BATCH, half)]
        # The webhook is down in the first half. Its failures would spread the group over several
        # batches.
        at = rng.uniform(plan.window / 2, plan.window)
        # If each end is sent twice in a row, both messages are in one batch. If the whole group is
        # sent twice, it reaches two workers at the same time.
        together = [event for event in group for _ in range(2)] if number % 3 == 2 else group * 2
        yield from (_message(at, event) for event in together)
    for number, event in enumerate(shuffled[half:]):
        at = rng.uniform(0, plan.window)
        yield _message(at, event)
        if number < half:
            yield _message(at + rng.uniform(*plan.repeat_after), event)
    kinds = malformed_bodies()
    for number in range(round(len(ends) * POISON)):
        poison = kinds[number % len(kinds)]
        yield ScheduledMessage(rng.uniform(0, plan.window), poison.body, poison.reason)


def _message(at: float, end: Event) -> ScheduledMessage:
    return ScheduledMessage(at, json.dumps(end.body), conversation_id=end.conversation_id)
