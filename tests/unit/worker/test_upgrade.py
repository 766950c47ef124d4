"""An end whose conversation spans the upgrade from a version before 2026-12 is delivered once.

`tests/data/version-before-2026-12.json` is a recording of that version. A script ran its worker
over examples of docs/genesys.md, with the fakes of its tests. After each message the script wrote
down the changed attributes of items, the settle messages that were sent, and the ends that arrived.
Settle messages were processed when they were due. The last conversations of the recording are two
examples again, in which every delivery failed. The recording's `retries` are items that were left
behind by ends of a subscription.

That version recorded only the times of a queue's events. So the worker knows less about a
conversation that spans the upgrade, and can deliver ends that only the version before would have
delivered. It delivers no others, and no end twice.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from conversations.end import make_end_id
from conversations.fields import format_utc, from_epoch_ms
from local.traffic.recorded_ends import FIVE_MINUTES, QueueEnd
from tests.bodies import ENDED, QUEUE, end
from tests.fakes import arrivals
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs_event import record
from tests.fakes.batches import Batches, outcomes_of
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination
from tests.fakes.partner_worker import SETTLE_SECONDS, PartnerWorker
from tests.worked_examples import OURS, QUEUES, ROOT, Event, examples, table


def _ends_in(steps: Sequence[Mapping[str, Any]]) -> list[QueueEnd]:
    return [QueueEnd(*values) for step in steps for values in step.get("ends", [])]


RECORDING = json.loads((ROOT / "tests/data/version-before-2026-12.json").read_text("utf-8"))
EXAMPLES, EXPECTED_ENDS = examples(), table()
START_MS = int(ENDED.timestamp() * 1000)
# An end can be part of an item that recorded a later end first, which is one end with a third.
SAME_END_MS = 2 * FIVE_MINUTES

ENDS_WITHOUT_UPGRADE = {
    (recorded["example"], recorded["rule"]): _ends_in(recorded["steps"])
    for recorded in reversed(RECORDING["conversations"])  # those with failures come first
}
each_retry = pytest.mark.parametrize(
    "retry", [pytest.param(retry, id=retry["name"]) for retry in RECORDING["retries"]]
)


class SpanningConversation:
    """A recorded conversation of which the version before has processed the first messages.

    Attributes
    ----------
    items, settling, ends
        What that version has left behind: the attributes of its items, keyed by sort key; its
        settle messages; and the delivered ends.
    ends_without_upgrade
        The ends that the version before delivers if it processes all messages.
    processed, failed, remaining
        The events that the version before has processed; those of them that it failed to process,
        which come back; and the events that it has not received.
    """

    def __init__(self, recorded: Mapping[str, Any], messages: int) -> None:
        self.example: str = recorded["example"]
        self.rule: str = recorded["rule"]
        steps: Sequence[Mapping[str, Any]] = recorded["steps"]
        self.items: dict[str, dict[str, Any]] = {}
        self.settling: list[str] = []
        for step in steps[:messages]:
            for sort_key, changes in step.get("items", {}).items():
                self.items[sort_key] = self.items.get(sort_key, {}) | changes
            self.settling += step.get("settling", [])
            if "settles" in step and "failed" not in step:
                self.settling.remove(step["settles"])
        self.ends = _ends_in(steps[:messages])
        self.ends_without_upgrade = ENDS_WITHOUT_UPGRADE[self.example, self.rule]
        self.processed = self._events_in(steps[:messages])
        self.failed = self._events_in([step for step in steps[:messages] if "failed" in step])
        self.remaining = self._events_in(steps[messages:])

    def orders(self) -> Iterator[list[Event]]:
        """Yield events for the new worker: in order, in reverse, and shuffled with repeats."""
        events = [*self.failed, *self.remaining]
        yield events
        yield events[::-1]
        rng = random.Random(self.example)
        repeats = rng.sample(self.processed, len(self.processed) // 2)
        yield rng.sample(events + repeats, len(events) + len(repeats))

    def problems(self, new_ends: Sequence[QueueEnd], arrived: Sequence[Event]) -> list[str]:
        """Return the ends that are doubled, lost or not to be expected."""
        ends = [*self.ends, *new_ends]
        expected = [
            QueueEnd(QUEUES[queue], START_MS + int(time.total_seconds() * 1000))
            for queue, time in EXPECTED_ENDS[self.example][self.rule]
        ]
        found = []
        for position, one in enumerate(ends):
            if _includes(ends[:position], one):
                found.append(f"doubled: {one}")
            if not _includes([*expected, *self.ends_without_upgrade], one):
                found.append(f"not to be expected: {one}")
        for one in expected:
            if self._is_due(one, arrived) and not _includes(ends, self._choices(one), SAME_END_MS):
                found.append(f"lost: {one}")
        return found

    def _is_due(self, expected: QueueEnd, arrived: Sequence[Event]) -> bool:
        """Return whether an end of the table must be delivered.

        With `queue_leg` one event completes an end. If the version before saw no end in it, the
        event does not come back.
        """
        return (
            self.rule != "queue_leg"
            or _includes(self.ends_without_upgrade, expected)
            or expected.at_ms in [event.event_body()["eventTime"] for event in arrived]
        )

    def _choices(self, expected: QueueEnd) -> list[QueueEnd]:
        """Return the ends of which one must be delivered.

        With `last_queue` a customer's end has one queue. If some events are known only by their
        times, this can be the queue that the version before would have chosen.
        """
        if self.rule != "last_queue":
            return [expected]
        others = [e for e in self.ends_without_upgrade if _is_near(e, expected.at_ms, FIVE_MINUTES)]
        return [expected, *others]

    def _events_in(self, steps: Sequence[Mapping[str, Any]]) -> list[Event]:
        return [EXAMPLES[self.example][step["event"]] for step in steps if "event" in step]


def _is_near(one: QueueEnd, at_ms: int, within_ms: int) -> bool:
    return abs(one.at_ms - at_ms) <= within_ms


def _includes(
    ends: Sequence[QueueEnd],
    wanted: QueueEnd | Sequence[QueueEnd],
    within_ms: int = FIVE_MINUTES,
) -> bool:
    """Return whether a wanted end is among ends, at a time that counts as the same."""
    choices = [wanted] if isinstance(wanted, QueueEnd) else wanted
    return any(
        one.queue_id == choice.queue_id and _is_near(one, choice.at_ms, within_ms)
        for one in ends
        for choice in choices
    )


def spanning_conversations(rule: str) -> Iterator[SpanningConversation]:
    """Yield each recorded conversation with the upgrade after each number of messages."""
    for recorded in RECORDING["conversations"]:
        if recorded["rule"] == rule:
            for messages in range(len(recorded["steps"]) + 1):
                yield SpanningConversation(recorded, messages)


def restore(worker: PartnerWorker, id_: str, conversation: SpanningConversation) -> None:
    """Give a worker what the version before has left behind, under another conversation id."""
    for sort_key, item in conversation.items.items():
        key = {"conversation_id": {"S": id_}, "queue_id": {"S": sort_key}}
        worker.dynamodb.items[id_, sort_key] = key | item
    worker.sqs.delayed += [
        {"MessageBody": body.replace('"c-1"', json.dumps(id_)), "DelaySeconds": SETTLE_SECONDS}
        for body in conversation.settling
    ]


@pytest.mark.parametrize(
    ("rule", "settles_first"),
    [("touched", False), ("last_queue", False), ("last_queue", True), ("queue_leg", False)],
)
def test_a_conversation_that_spans_the_upgrade_has_each_end_once(
    rule: str, settles_first: bool
) -> None:
    worker = PartnerWorker(rule, queue_ids=[QUEUES[queue] for queue in OURS])
    cases: dict[str, tuple[SpanningConversation, list[Event]]] = {}
    for number, conversation in enumerate(spanning_conversations(rule)):
        for order, events in enumerate(conversation.orders()):
            id_ = f"{conversation.example} {number}/{order}"
            cases[id_] = conversation, events
            restore(worker, id_, conversation)
    if settles_first:
        assert not any(outcome.startswith("failed") for outcome in worker.settle())

    new_ends = arrivals.deliver(
        worker,
        {id_: [[event.partner_event()] for event in events] for id_, (_, events) in cases.items()},
        random.Random(rule),
    )

    assert any(new_ends.values())
    problems = {id_: one.problems(new_ends[id_], events) for id_, (one, events) in cases.items()}
    assert {id_: found for id_, found in problems.items() if found} == {}


class TwoDestinations:
    """A worker with two destinations, and the items that a recorded retry has left behind."""

    def __init__(self, retry: Mapping[str, Any], batches: Batches, dynamodb: FakeDynamoDb) -> None:
        self.bus, self.webhook = FakeDestination("bus"), FakeDestination("webhook")
        self._messages: Sequence[int] = retry["messages"]
        self._batches = batches
        batches.destinations = [self.bus, self.webhook]
        for sort_key, item in retry["items"].items():
            key = {"conversation_id": {"S": "c-1"}, "queue_id": {"S": sort_key}}
            dynamodb.items["c-1", sort_key] = key | item
        # The last message has just been processed.
        batches.clock.now = self._messages[-1]

    def run(self, seconds_later: int = 0) -> list[str]:
        """Process all messages again; return their outcomes, in order."""
        bodies = [end("c-1", after=after + seconds_later) for after in self._messages]
        report = self._batches.run(record(body, f"m-{n}") for n, body in enumerate(bodies))
        return [outcome for _, outcome in sorted(outcomes_of(report).items())]


@pytest.mark.parametrize("seconds_later", [0, 120])
@each_retry
def test_a_retry_after_the_upgrade_goes_only_to_the_destinations_that_lack_the_end(
    retry: Mapping[str, Any],
    seconds_later: int,
    batches: Batches,
    clock: Clock,
    dynamodb: FakeDynamoDb,
) -> None:
    """It keeps its sequence and its time, also if another event of the end arrives first."""
    worker = TwoDestinations(retry, batches, dynamodb)
    clock.now += 40  # Every lease has expired.
    worker.run(seconds_later)
    assert set(worker.run()) == {"duplicate"}

    ended_at = {
        sequence: START_MS + 1000 * after for sequence, after in enumerate(retry["messages"], 1)
    }
    for destination in (worker.bus, worker.webhook):
        delivered_before = retry["received"][destination.name]
        missing = sorted(ended_at.keys() - delivered_before)
        assert sorted(destination.received) == [("c-1", QUEUE, sequence) for sequence in missing]
        assert sorted(destination.ends, key=lambda one: one[1]) == [
            (make_end_id("c-1", QUEUE, at_ms), format_utc(from_epoch_ms(at_ms)))
            for at_ms in (ended_at[sequence] for sequence in missing)
        ]


def test_a_claim_of_the_version_before_is_respected_until_its_lease_expires(
    batches: Batches, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    """During the deploy, invocations of both versions run."""
    (retry,) = [
        r for r in RECORDING["retries"] if r["name"] == "killed before the first destination"
    ]
    worker = TwoDestinations(retry, batches, dynamodb)
    assert worker.run() == worker.run(120) == ["failed.claimed_elsewhere"]
    clock.now += 40
    assert worker.run() == ["processed"]
    assert len(worker.bus.ends) == len(worker.webhook.ends) == 1


def test_an_end_s_item_has_the_attributes_that_the_version_before_reads(
    batches: Batches, dynamodb: FakeDynamoDb
) -> None:
    """A deploy can be rolled back; `test_histories.py` has the same for histories."""
    (retry,) = [r for r in RECORDING["retries"] if r["name"] == "two ends, done"]
    worker = TwoDestinations(retry | {"items": {}}, batches, dynamodb)
    worker.run()
    worker.run(120)  # The spans grow.
    for sort_key, item_before in retry["items"].items():
        item = dynamodb.items["c-1", sort_key]
        same = ("state", "ended_at", "delivered", "source")
        assert {name: item[name] for name in same} == {name: item_before[name] for name in same}
        types = {name: [*value] for name, value in item.items()}
        assert types.items() >= {name: [*value] for name, value in item_before.items()}.items()
