"""The worker completes the ends of each worked example in docs/genesys.md, under each rule."""

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from conversations.end import ConversationEnd
from conversations.end_rules import EndRule, LastQueue, QueueLeg, SettlingEnd, Touched
from conversations.histories import Histories
from conversations.topics import QUEUE_TOPICS
from deadline import Deadline
from dynamodb.ledger_table import LedgerTable
from tests.bodies import ENDED
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import record
from tests.fakes.batches import Batches
from tests.fakes.clock import Clock
from tests.worked_examples import OURS, QUEUES, ROOT, Ends, Event, examples, table
from worker.messages import Reader
from worker.readers import parse_either_event

SETTLE_SECONDS = 60
SAME_END_WINDOW = timedelta(minutes=5)
EXAMPLES, EXPECTED_ENDS = examples(), table()
RULES = ("touched", "last_queue", "queue_leg")
each_example = pytest.mark.parametrize("name", EXAMPLES)
each_rule = pytest.mark.parametrize("end_rule", RULES)


class Stack:
    """A simulated stack: its EventBridge rules, its worker, and the delay of settle events."""

    def __init__(self, end_rule: str) -> None:
        self._end_rule = end_rule
        self.clock, sqs, self._dynamodb = Clock(), FakeSqs(), FakeDynamoDb()
        self.batches = Batches(sqs, self.clock, self._dynamodb)
        self.batches.reader = Reader(
            {QUEUES[queue] for queue in OURS}, parse_either_event, self._rule()
        )
        self._delayed: list[tuple[float, str]] = []
        self._messages = 0

    def _rule(self) -> EndRule:
        table = LedgerTable(self._dynamodb, TABLE)  # type: ignore[arg-type]
        histories = Histories(table, days=20, now_ms=self.batches.now_ms)
        rules: dict[str, EndRule] = {
            "touched": Touched(histories),
            "last_queue": LastQueue(histories, self._send_later),
            "queue_leg": QueueLeg(),
        }
        return rules[self._end_rule]

    def matches_rules(self, event: Event) -> bool:
        """Return whether the EventBridge rules send an event to the intake queue."""
        if self._end_rule == "queue_leg":
            return event.topic in ("acd.end", "user.end") and event.queue in OURS
        return event.topic == "customer.end" or event.queue in OURS

    def process_events(self, *events: Event) -> None:
        """Process events in one batch, no earlier than the latest of their times."""
        self._wait_until(max(event.at.total_seconds() for event in events))
        self.process_messages(*[event.message() for event in events if self.matches_rules(event)])

    def process_messages(self, *bodies: str) -> None:
        """Process messages in one batch."""
        ids = range(self._messages, self._messages + len(bodies))
        self._messages += len(bodies)
        report = self.batches.run(
            [record(body, f"m-{id_}") for id_, body in zip(ids, bodies, strict=True)]
        )
        assert not report.of_kind("failed")
        assert not report.of_kind("rejected")

    def settle(self) -> None:
        """Wait until all delayed settle events have been processed."""
        while self._delayed:
            self._wait_until(self._delayed[0][0])

    def ends(self) -> list[tuple[str, timedelta, int]]:
        """Return the queue, time and sequence of each delivered end, sorted by time."""
        ended = [(_queue_of(end), _time_of(end), end.sequence) for end in self.batches.acted_ends]
        return sorted(ended, key=lambda end: (end[1], end[0]))

    def _wait_until(self, moment: float) -> None:
        while self._delayed and self._delayed[0][0] <= moment:
            due, body = self._delayed.pop(0)
            self.clock.now = max(self.clock.now, due)
            self.process_messages(body)
        self.clock.now = max(self.clock.now, moment)

    def _send_later(
        self, settling_ends: Sequence[SettlingEnd], deadline: Deadline
    ) -> list[SettlingEnd]:
        due = self.clock.now + SETTLE_SECONDS
        self._delayed += [(due, json.dumps(end.as_event())) for end in settling_ends]
        return list(settling_ends)


def _queue_of(end: ConversationEnd) -> str:
    return next(letter for letter, queue_id in QUEUES.items() if queue_id == end.queue_id)


def _time_of(end: ConversationEnd) -> timedelta:
    return datetime.fromisoformat(end.ended_at) - ENDED


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
        stack.process_events(event)
    stack.settle()

    assert stack.ends() == with_sequences(EXPECTED_ENDS[name][end_rule])


@each_rule
@each_example
def test_a_worked_example_has_the_same_ends_in_any_order(name: str, end_rule: str) -> None:
    events, expected_ends = EXAMPLES[name], EXPECTED_ENDS[name][end_rule]
    shuffled = random.Random(name).sample(events * 2, 2 * len(events))
    for order in (events[::-1], shuffled):
        stack = Stack(end_rule)
        for event in order:
            stack.process_events(event)
        stack.settle()

        # Ends within five minutes are one end, with the time of the first event to arrive.
        for (queue, time, _), (expected_queue, expected_time) in zip(
            stack.ends(), expected_ends, strict=True
        ):
            assert queue == expected_queue
            assert abs(time - expected_time) <= SAME_END_WINDOW


@each_rule
@each_example
def test_a_worked_example_in_one_batch_has_the_same_ends(name: str, end_rule: str) -> None:
    stack = Stack(end_rule)
    stack.process_events(*EXAMPLES[name])
    stack.settle()

    assert stack.ends() == with_sequences(EXPECTED_ENDS[name][end_rule])


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
            stack.process_messages(body)
        stack.settle()

    assert stack.ends() == [("B", timedelta(0), 1)]
