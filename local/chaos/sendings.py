"""What is sent in a run with faults, and when."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from local.chaos.plan import Plan
from local.traffic.subscription import OURS, Event, conversations, malformed_bodies

DUPLICATES, POISON = 0.20, 0.05
"""Shares of the messages, on top of the ends."""
BATCH = 10
"""Messages of a call of SQS, and of one invocation."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent to the intake queue, and when, in seconds; `poison` has the reason for one."""

    at: float
    body: str
    poison: str = ""


def ends_of(plan: Plan) -> list[Event]:
    """Return the distinct ends."""
    # More conversations than needed: some have two ends, none has less than one.
    every = conversations(plan.seed, 1_000_000, share=1, others=0)
    return list(islice((event for event in every if event.queue_id in OURS), plan.events))


def repeats_of(ends: Sequence[Event]) -> int:
    """Return how many ends are sent twice at once, and how many again later."""
    return round(len(ends) * DUPLICATES / 2)


def sendings_of(plan: Plan, rng: random.Random, ends: Sequence[Event]) -> list[Sending]:
    """Return all messages by their time: each end, its repeats, and poison."""
    return sorted(_sendings(plan, rng, ends), key=lambda sending: sending.at)


def _sendings(plan: Plan, rng: random.Random, ends: Sequence[Event]) -> Iterator[Sending]:
    shuffled = [json.dumps(event.body) for event in rng.sample(list(ends), len(ends))]
    half = repeats_of(ends)
    for number, start in enumerate(range(0, half, BATCH)):
        group = shuffled[start : min(start + BATCH, half)]
        # Not while everything fails and comes back at its own time.
        at = rng.uniform(plan.window / 2, plan.window)
        # One behind the other they share a batch; a batch apart two workers meet over them.
        together = [body for body in group for _ in range(2)] if number % 3 == 2 else group * 2
        yield from (Sending(at, body) for body in together)
    for number, body in enumerate(shuffled[half:]):
        at = rng.uniform(0, plan.window)
        yield Sending(at, body)
        if number < half:
            yield Sending(at + rng.uniform(*plan.apart), body)
    kinds = malformed_bodies()
    for number in range(round(len(ends) * POISON)):
        poison = kinds[number % len(kinds)]
        yield Sending(rng.uniform(0, plan.window), poison.body, poison.reason)
