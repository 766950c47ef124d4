"""The worker completes the ends of each worked example in docs/genesys.md, under each rule."""

import itertools
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from conversations.end import ConversationEnd
from conversations.topics import QUEUE_TOPICS
from local.traffic.end_rules import derive_ends
from local.traffic.recorded_ends import QueueEnd
from tests.bodies import ENDED
from tests.fakes import arrivals
from tests.fakes.partner_worker import PartnerWorker
from tests.worked_examples import OURS, QUEUES, ROOT, Ends, Event, examples, table

EXAMPLES, EXPECTED_ENDS = examples(), table()
RULES = ("touched", "last_queue", "queue_leg")
OUR_QUEUES = [QUEUES[queue] for queue in OURS]
# An example with at most this many events for the worker is tried in every order.
MAX_PERMUTED = 6
RANDOM_ORDERS = 10
each_example = pytest.mark.parametrize("name", EXAMPLES)
each_rule = pytest.mark.parametrize("end_rule", RULES)


class Stack:
    """A simulated stack: its EventBridge rules, its worker, and the delay of settle messages."""

    def __init__(self, end_rule: str) -> None:
        self._end_rule = end_rule
        self._worker = PartnerWorker(end_rule, queue_ids=OUR_QUEUES)
        self._delayed: list[tuple[float, str]] = []

    def process_event(self, event: Event) -> None:
        """Process an event at its time."""
        self._wait_until(event.at.total_seconds())
        if matches_rules(self._end_rule, event):
            self.process_message(event.message())

    def process_message(self, body: str) -> None:
        (outcome,) = self._worker.process(body)
        assert not outcome.startswith(("failed", "rejected"))
        for entry in self._worker.sqs.delayed:
            due = self._worker.clock.now + entry["DelaySeconds"]
            self._delayed.append((due, entry["MessageBody"]))
        self._worker.sqs.delayed = []

    def settle(self) -> None:
        """Wait until all delayed settle messages have been processed."""
        while self._delayed:
            self._wait_until(self._delayed[0][0])

    def ends(self) -> list[tuple[str, timedelta, int]]:
        """Return the queue, time and sequence of each delivered end, sorted by time."""
        acted_ends = self._worker.batches.acted_ends
        ended = [(_letter_of(end.queue_id), _time_of(end), end.sequence) for end in acted_ends]
        return sorted(ended, key=lambda end: (end[1], end[0]))

    def _wait_until(self, moment: float) -> None:
        while self._delayed and self._delayed[0][0] <= moment:
            due, body = self._delayed.pop(0)
            self._worker.clock.now = max(self._worker.clock.now, due)
            self.process_message(body)
        self._worker.clock.now = max(self._worker.clock.now, moment)


def matches_rules(end_rule: str, event: Event) -> bool:
    """Return whether the EventBridge rules send an event to the intake queue."""
    if end_rule == "queue_leg":
        return event.topic in ("acd.end", "user.end") and event.queue in OURS
    return event.topic == "customer.end" or event.queue in OURS


def reference(end_rule: str, batches: Sequence[Sequence[Event]]) -> list[QueueEnd]:
    """Return the ends that the reference derives for an order of arrival."""
    events = [[event.partner_event() for event in batch] for batch in batches]
    return derive_ends(end_rule, events, OUR_QUEUES)


def assert_agreement(
    end_rule: str,
    orders: Mapping[str, Sequence[Sequence[Event]]],
    delivered: Mapping[str, Sequence[QueueEnd]],
) -> None:
    """Assert that the delivered ends are exactly the reference's, in every order of arrival."""
    differences = {}
    for id_, batches in orders.items():
        expected = reference(end_rule, batches)
        if delivered[id_] != expected:
            lines = [[(_minutes(e.at), e.topic, e.queue) for e in batch] for batch in batches]
            differences[id_] = (lines, _ends(delivered[id_]), _ends(expected))
    assert not differences, f"{len(differences)} orders, such as {[*differences.items()][:3]}"


def deliver(
    end_rule: str, orders: Mapping[str, Sequence[Sequence[Event]]]
) -> dict[str, list[QueueEnd]]:
    """Return by order the ends that the worker delivers."""
    return arrivals.deliver(
        PartnerWorker(end_rule, queue_ids=OUR_QUEUES),
        {
            id_: [[event.partner_event() for event in batch] for batch in batches]
            for id_, batches in orders.items()
        },
        random.Random(end_rule),
    )


def _letter_of(queue_id: str) -> str:
    return next(letter for letter, other in QUEUES.items() if other == queue_id)


def _time_of(end: ConversationEnd) -> timedelta:
    return datetime.fromisoformat(end.ended_at) - ENDED


def _ends(ends: Sequence[QueueEnd]) -> Ends:
    start = timedelta(seconds=ENDED.timestamp())
    return [(_letter_of(end.queue_id), timedelta(milliseconds=end.at_ms) - start) for end in ends]


def _minutes(time: timedelta) -> float:
    return round(time / timedelta(minutes=1), 2)


def _for_worker(name: str, end_rule: str) -> list[Event]:
    return [event for event in EXAMPLES[name] if matches_rules(end_rule, event)]


def with_sequences(ends: Ends) -> list[tuple[str, timedelta, int]]:
    """Return the ends with their sequences, if they are claimed in this order."""
    counts: Counter[str] = Counter()
    numbered = []
    for queue, time in ends:
        counts[queue] += 1
        numbered.append((queue, time, counts[queue]))
    return numbered


def test_the_table_and_the_events_have_the_same_examples() -> None:
    assert list(EXPECTED_ENDS) == list(EXAMPLES)
    assert all(tuple(expected_ends) == RULES for expected_ends in EXPECTED_ENDS.values())
    events = [event for example in EXAMPLES.values() for event in example]
    assert {event.topic for event in events} == {*QUEUE_TOPICS, "customer.end"}
    assert all(
        [event.at for event in example] == sorted(event.at for event in example)
        for example in EXAMPLES.values()
    )


@each_rule
@each_example
def test_a_conversation_ends_as_the_table_says(name: str, end_rule: str) -> None:
    stack = Stack(end_rule)
    for event in EXAMPLES[name]:
        stack.process_event(event)
    stack.settle()

    assert stack.ends() == with_sequences(EXPECTED_ENDS[name][end_rule])


@each_rule
@each_example
def test_the_reference_derives_the_ends_that_the_table_says(name: str, end_rule: str) -> None:
    in_order = [[event] for event in EXAMPLES[name]]
    assert _ends(reference(end_rule, in_order)) == EXPECTED_ENDS[name][end_rule]


@each_rule
def test_a_short_example_has_the_ends_of_the_reference_in_every_order(end_rule: str) -> None:
    short = {name: _for_worker(name, end_rule) for name in EXAMPLES}
    short = {name: events for name, events in short.items() if 0 < len(events) <= MAX_PERMUTED}
    assert len(short) > len(EXAMPLES) / 3

    delivered = arrivals.deliver_in_every_order(
        lambda: PartnerWorker(end_rule, queue_ids=OUR_QUEUES),
        {name: [event.partner_event() for event in events] for name, events in short.items()},
    )

    orders = {
        f"{name}/{''.join(map(str, order))}": [[events[number]] for number in order]
        for name, events in short.items()
        for order in itertools.permutations(range(len(events)))
    }
    assert delivered.keys() == orders.keys()
    assert_agreement(end_rule, orders, delivered)


@each_rule
def test_a_long_example_has_the_ends_of_the_reference_in_random_orders(end_rule: str) -> None:
    orders = {}
    for name in EXAMPLES:
        events = _for_worker(name, end_rule)
        if len(events) > MAX_PERMUTED:
            rng = random.Random(name)
            for number in range(RANDOM_ORDERS):
                order = rng.sample(events * 2, 2 * len(events))
                orders[f"{name} {number}"] = [[event] for event in order]
    assert_agreement(end_rule, orders, deliver(end_rule, orders))


@each_rule
def test_an_example_in_one_batch_has_the_ends_of_the_reference(end_rule: str) -> None:
    orders = {name: [_for_worker(name, end_rule)[::-1]] for name in EXAMPLES}
    assert_agreement(end_rule, orders, deliver(end_rule, orders))


@each_rule
@each_example
def test_an_example_in_one_batch_has_the_ends_of_the_table(name: str, end_rule: str) -> None:
    """The reference knows all events of a batch before it decides, and then claims by time."""
    assert _ends(reference(end_rule, [EXAMPLES[name]])) == EXPECTED_ENDS[name][end_rule]


@each_rule
def test_the_events_that_verify_a_deployment_complete_one_end(end_rule: str) -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"\$ for event in ([a-z -]+); do aws sqs send-message", text)
    (example,) = re.findall(r"sed 's/(\S+)/QUEUE/'", text)
    files = [ROOT / f"tests/data/eventbridge-{name}.json" for name in names.split()]
    bodies = [path.read_text(encoding="utf-8").replace(example, QUEUES["B"]) for path in files]
    stack = Stack(end_rule)
    for _ in range(2):
        for body in bodies:
            stack.process_message(body)
        stack.settle()

    assert stack.ends() == [("B", timedelta(0), 1)]
