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

    Orders that begin with the same events and have the same results so far share the rest: a
    worker knows nothing but the ledger, so the next event has the same results in all of them.

    Returns
    -------
    dict[str, list[QueueEnd]]
        Keyed by conversation and order (`name/201`: the events 2, 0 and 1): the delivered ends,
        sorted by time and queue.
    """
    begun = [_Results(name, [""]) for name in conversations]
    complete: dict[str, _Results] = {}
    while begun:
        worker, longer, bodies = make_worker(), dict[str, _Results](), []
        for results in begun:
            for number, event in enumerate(conversations[results.name]):
                if str(number) not in results.orders[0]:
                    extended = results.extended(number)
                    longer[extended.id_] = extended
                    bodies.append(_message(event, extended.id_))
        _restore(worker, longer)
        for start in range(0, len(bodies), BATCH_SIZE):
            _process(worker, bodies[start : start + BATCH_SIZE])
        _save(worker, longer)
        begun = []
        for results in _merged(longer.values()):
            if len(results.orders[0]) < len(conversations[results.name]):
                begun.append(results)
            else:
                complete[results.id_] = results
    worker = make_worker()
    _restore(worker, complete)
    delivered = _settle(worker, complete, random.Random(0))
    return {
        f"{results.name}/{order}": sorted([*results.ends, *delivered[id_]], key=_by_time)
        for id_, results in complete.items()
        for order in results.orders
    }


@dataclass(slots=True)
class _Results:
    """What a worker made of a conversation: ledger items, delivered ends, settle messages.

    Attributes
    ----------
    orders
        The orders of arrival of the same events that had these results.
    """

    name: str
    orders: list[str]
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: list[QueueEnd] = field(default_factory=list)
    settling: list[str] = field(default_factory=list)

    @property
    def id_(self) -> str:
        """The conversation's id: that of its first order."""
        return f"{self.name}/{self.orders[0]}"

    def extended(self, number: int) -> "_Results":
        """Return a copy for the orders in which one more event arrives."""
        new = _Results(self.name, [f"{order}{number}" for order in self.orders], ends=[*self.ends])
        for key, item in self.items.items():
            new.items[key] = item | {"conversation_id": {"S": new.id_}}
        old_id, new_id = json.dumps(self.id_), json.dumps(new.id_)
        new.settling = [body.replace(old_id, new_id) for body in self.settling]
        return new

    def as_text(self) -> str:
        """Return the events and their results, which differ if and only if the texts differ.

        Of the settle messages, only the times of their ends count. The events that called for them
        become nothing but the ends' `raw`.
        """
        settling = [json.loads(body)["detail"]["endedAt"] for body in self.settling]
        results = [self.items, sorted(self.ends), settling]
        text = json.dumps([self.name, sorted(self.orders[0]), results], sort_keys=True)
        return text.replace(self.id_, self.name)


def _merged(all_results: Iterable[_Results]) -> Iterable[_Results]:
    """Return each of the different results once, with all their orders."""
    merged: dict[str, _Results] = {}
    for results in all_results:
        same = merged.setdefault(results.as_text(), results)
        if same is not results:
            same.orders += results.orders
    return merged.values()


def _restore(worker: PartnerWorker, results: Mapping[str, _Results]) -> None:
    """Give a new worker the ledger items and settle messages of conversations."""
    for id_, one in results.items():
        worker.dynamodb.items.update({(id_, key): item for key, item in one.items.items()})
        worker.sqs.delayed += [
            {"MessageBody": body, "DelaySeconds": SETTLE_SECONDS} for body in one.settling
        ]


def _save(worker: PartnerWorker, results: Mapping[str, _Results]) -> None:
    """Add a worker's items, ends and settle messages to the results."""
    for (id_, key), item in worker.dynamodb.items.items():
        # The token of the invocation that delivered an end makes no difference any more.
        is_done = item.get("state") == {"S": "done"}
        results[id_].items[key] = item | ({"claimed_by": {"S": "done"}} if is_done else {})
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
