"""Every worked example of docs/genesys.md, under each end rule, through the worker."""

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
SAME_END = timedelta(minutes=5)
EXAMPLES, TABLE_SAYS = examples(), table()
RULES = ("touched", "last_queue", "queue_leg")
each_example = pytest.mark.parametrize("name", EXAMPLES)
each_rule = pytest.mark.parametrize("end_rule", RULES)


class Stack:
    """A stack with an end rule: its EventBridge rules, its worker, its intake queue's delay."""

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

    def passes(self, event: Event) -> bool:
        """Return whether the EventBridge rules pass an event on to the intake queue."""
        if self._end_rule == "queue_leg":
            return event.topic in ("acd.end", "user.end") and event.queue in OURS
        return event.topic == "customer.end" or event.queue in OURS

    def happens(self, *events: Event) -> None:
        """Let events arrive in one batch, not before they are."""
        self._wait_until(max(event.at.total_seconds() for event in events))
        self.receives(*[event.message() for event in events if self.passes(event)])

    def receives(self, *bodies: str) -> None:
        """Have the worker process messages in one batch."""
        ids = range(self._messages, self._messages + len(bodies))
        self._messages += len(bodies)
        report = self.batches.run(
            [record(body, f"m-{id_}") for id_, body in zip(ids, bodies, strict=True)]
        )
        assert not report.of_kind("failed")
        assert not report.of_kind("rejected")

    def settle(self) -> None:
        """Wait until all that was delayed has come back."""
        while self._delayed:
            self._wait_until(self._delayed[0][0])

    def ends(self) -> list[tuple[str, timedelta, int]]:
        """Return what the action was called with: queue, time and sequence, in order of time."""
        ended = [(_queue_of(end), _time_of(end), end.sequence) for end in self.batches.acted_ends]
        return sorted(ended, key=lambda end: (end[1], end[0]))

    def _wait_until(self, moment: float) -> None:
        while self._delayed and self._delayed[0][0] <= moment:
            due, body = self._delayed.pop(0)
            self.clock.now = max(self.clock.now, due)
            self.receives(body)
        self.clock.now = max(self.clock.now, moment)

    def _send_later(self, settling: Sequence[SettlingEnd], deadline: Deadline) -> list[SettlingEnd]:
        due = self.clock.now + SETTLE_SECONDS
        self._delayed += [(due, json.dumps(one.as_event())) for one in settling]
        return list(settling)


def _queue_of(end: ConversationEnd) -> str:
    return next(letter for letter, queue_id in QUEUES.items() if queue_id == end.queue_id)


def _time_of(end: ConversationEnd) -> timedelta:
    return datetime.fromisoformat(end.ended_at) - ENDED


def with_sequences(ends: Ends) -> list[tuple[str, timedelta, int]]:
    """Return ends with the sequence that each has when they are known in order."""
    before: Counter[str] = Counter()
    numbered = []
    for queue, time in ends:
        before[queue] += 1
        numbered.append((queue, time, before[queue]))
    return numbered


def test_the_table_and_the_events_are_of_the_same_examples() -> None:
    assert list(TABLE_SAYS) == list(EXAMPLES)
    assert all(tuple(said) == RULES for said in TABLE_SAYS.values())
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
        stack.happens(event)
    stack.settle()

    assert stack.ends() == with_sequences(TABLE_SAYS[name][end_rule])


@each_rule
@each_example
def test_a_worked_example_has_the_same_ends_in_any_order(name: str, end_rule: str) -> None:
    events, said = EXAMPLES[name], TABLE_SAYS[name][end_rule]
    shuffled = random.Random(name).sample(events * 2, 2 * len(events))
    for order in (events[::-1], shuffled):
        stack = Stack(end_rule)
        for event in order:
            stack.happens(event)
        stack.settle()

        # Of ends within five minutes the one that is seen first gives its time to them all.
        for (queue, time, _), (said_queue, said_time) in zip(stack.ends(), said, strict=True):
            assert queue == said_queue
            assert abs(time - said_time) <= SAME_END


@each_rule
@each_example
def test_a_worked_example_in_one_batch_has_the_same_ends(name: str, end_rule: str) -> None:
    stack = Stack(end_rule)
    stack.happens(*EXAMPLES[name])
    stack.settle()

    assert stack.ends() == with_sequences(TABLE_SAYS[name][end_rule])


@each_rule
def test_the_events_that_verify_a_deploy_are_one_end(end_rule: str) -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"\$ for event in ([a-z -]+); do aws sqs send-message", text)
    (example,) = re.findall(r"sed 's/(\S+)/QUEUE/'", text)
    files = [ROOT / f"tests/data/eventbridge-{name}.json" for name in names.split()]
    bodies = [path.read_text(encoding="utf-8").replace(example, QUEUES["B"]) for path in files]
    stack = Stack(end_rule)
    for _ in range(2):
        for body in bodies:
            stack.receives(body)
        stack.settle()

    assert stack.ends() == [("B", timedelta(0), 1)]
