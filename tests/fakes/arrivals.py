"""Partner events of many conversations, delivered in given orders to one worker."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.traffic.recorded_ends import QueueEnd
from tests.fakes.partner_worker import SETTLE_SECONDS, PartnerWorker

Event = Mapping[str, Any]
# A conversation has at most one batch of events in a batch of the worker.
BATCH_SIZE = 300


def deliver(
    worker: PartnerWorker, arrivals: Mapping[str, Sequence[Sequence[Event]]], rng: random.Random
) -> dict[str, list[QueueEnd]]:
    """Deliver each conversation's batches in their order, then its settle messages one by one.

    Parameters
    ----------
    arrivals
        Keyed by conversation id: the batches of the conversation's events, which the worker must
        accept.

    Returns
    -------
    dict[str, list[QueueEnd]]
        Keyed by conversation id: the delivered ends, sorted by time and queue.
    """
    remaining = {
        id_: [[_message(event, id_) for event in batch] for batch in batches]
        for id_, batches in arrivals.items()
    }
    for batch in _batches(remaining, rng):
        _process(worker, batch)
    worker.clock.now += SETTLE_SECONDS
    while worker.sqs.delayed:
        bodies, worker.sqs.delayed = worker.settling_bodies(), []
        settling: defaultdict[str, list[list[str]]] = defaultdict(list)
        for body in bodies:
            settling[json.loads(body)["detail"]["conversationId"]].append([body])
        for batch in _batches(settling, rng):
            _process(worker, batch)
    ends: dict[str, list[QueueEnd]] = {id_: [] for id_ in arrivals}
    for id_, queue_id, at_ms in worker.delivered_ends():
        ends[id_].append(QueueEnd(queue_id, at_ms))
    return {id_: sorted(found, key=lambda end: end[::-1]) for id_, found in ends.items()}


def _message(event: Event, conversation_id: str) -> str:
    detail = event["detail"]
    body = detail["eventBody"] | {"conversationId": conversation_id}
    return json.dumps({**event, "detail": {**detail, "eventBody": body}})


def _batches(
    remaining: Mapping[str, list[list[str]]], rng: random.Random
) -> Iterator[Sequence[str]]:
    """Yield batches for the worker that mix the conversations' batches at random."""
    for number in range(max(map(len, remaining.values()), default=0)):
        batch: list[str] = []
        ids = [id_ for id_ in remaining if len(remaining[id_]) > number]
        for id_ in rng.sample(ids, len(ids)):
            batch += remaining[id_][number]
            if len(batch) >= BATCH_SIZE:
                yield batch
                batch = []
        if batch:
            yield batch


def _process(worker: PartnerWorker, batch: Sequence[str]) -> None:
    outcomes = worker.process(*batch)
    unwanted = {one for one in outcomes if one.startswith(("failed", "rejected"))}
    assert unwanted == set()
