"""Partner events of many conversations, delivered in given orders to one worker."""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    return _settle(worker, arrivals, rng)


def deliver_in_every_order(
    make_worker: Callable[[], PartnerWorker], conversations: Mapping[str, Sequence[Event]]
) -> dict[str, list[QueueEnd]]:
    """Deliver each conversation's events in every order, one in a batch, and settle them.

    Orders that begin alike share their beginning, whose results are copied.

    Returns
    -------
    dict[str, list[QueueEnd]]
        Keyed by conversation and order (`name/201`: the events 2, 0 and 1): the delivered ends,
        sorted by time and queue.
    """
    rng = random.Random(0)
    begun = {f"{name}/": _Results() for name in conversations}
    complete: dict[str, _Results] = {}
    while begun:
        worker, longer, bodies = make_worker(), dict[str, _Results](), []
        for id_, results in begun.items():
            name, _, order = id_.rpartition("/")
            for number, event in enumerate(conversations[name]):
                if str(number) not in order:
                    longer[f"{id_}{number}"] = results.copied(id_, f"{id_}{number}")
                    bodies.append(_message(event, f"{id_}{number}"))
        _restore(worker, longer)
        for start in range(0, len(bodies), BATCH_SIZE):
            _process(worker, bodies[start : start + BATCH_SIZE])
        _save(worker, longer)
        is_complete = {id_: _is_complete(id_, conversations) for id_ in longer}
        complete |= {id_: results for id_, results in longer.items() if is_complete[id_]}
        begun = {id_: results for id_, results in longer.items() if not is_complete[id_]}
    worker = make_worker()
    _restore(worker, complete)
    delivered = _settle(worker, complete, rng)
    return {
        id_: sorted([*complete[id_].ends, *ends], key=_by_time) for id_, ends in delivered.items()
    }


@dataclass(slots=True)
class _Results:
    """What a worker made of a conversation: ledger items, delivered ends, settle messages."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: list[QueueEnd] = field(default_factory=list)
    settling: list[str] = field(default_factory=list)

    def copied(self, id_: str, new_id: str) -> "_Results":
        return _Results(
            {key: item | {"conversation_id": {"S": new_id}} for key, item in self.items.items()},
            [*self.ends],
            [body.replace(json.dumps(id_), json.dumps(new_id)) for body in self.settling],
        )


def _is_complete(id_: str, conversations: Mapping[str, Sequence[Event]]) -> bool:
    name, _, order = id_.rpartition("/")
    return len(order) == len(conversations[name])


def _restore(worker: PartnerWorker, results: Mapping[str, _Results]) -> None:
    """Give a new worker the ledger items and settle messages of conversations."""
    for id_, one in results.items():
        worker.dynamodb.items |= {(id_, key): item for key, item in one.items.items()}
        worker.sqs.delayed += [
            {"MessageBody": body, "DelaySeconds": SETTLE_SECONDS} for body in one.settling
        ]


def _save(worker: PartnerWorker, results: Mapping[str, _Results]) -> None:
    """Add a worker's items, ends and settle messages to the results."""
    for (id_, key), item in worker.dynamodb.items.items():
        results[id_].items[key] = item
    for id_, queue_id, at_ms in worker.delivered_ends():
        results[id_].ends.append(QueueEnd(queue_id, at_ms))
    for one in results.values():
        one.settling = []
    for body in worker.settling_bodies():
        results[_settling_id(body)].settling.append(body)


def _settle(
    worker: PartnerWorker, ids: Iterable[str], rng: random.Random
) -> dict[str, list[QueueEnd]]:
    """Process each conversation's settle messages one by one, and return all delivered ends."""
    worker.clock.now += SETTLE_SECONDS
    while worker.sqs.delayed:
        bodies, worker.sqs.delayed = worker.settling_bodies(), []
        settling: defaultdict[str, list[list[str]]] = defaultdict(list)
        for body in bodies:
            settling[_settling_id(body)].append([body])
        for batch in _batches(settling, rng):
            _process(worker, batch)
    ends: dict[str, list[QueueEnd]] = {id_: [] for id_ in ids}
    for id_, queue_id, at_ms in worker.delivered_ends():
        ends[id_].append(QueueEnd(queue_id, at_ms))
    return {id_: sorted(found, key=_by_time) for id_, found in ends.items()}


def _settling_id(body: str) -> str:
    conversation_id: str = json.loads(body)["detail"]["conversationId"]
    return conversation_id


def _by_time(end: QueueEnd) -> tuple[int, str]:
    return end.at_ms, end.queue_id


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
