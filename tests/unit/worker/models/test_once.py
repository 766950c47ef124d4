"""Whatever strikes between two calls, no end is lost and none is delivered twice without need.

Workers take turns at every call that they make: of the ledger, of a destination, of SQS. Between
and within these, calls fail, answers are lost, time passes and workers are killed. The moves below
make up such histories; what must hold in all of them is written out in `World` without a look at
how the ledger does it.
"""

import functools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from conversations.end import ConversationEnd
from conversations.ledger import Ledger
from conversations.subscription_event import parse_subscription_event
from deadline import Deadline
from destinations.destination import Receipt
from dynamodb.ledger_table import LedgerTable
from tests import bodies
from tests.bodies import ENDED, QUEUE
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Item, Key, Written, client_error
from tests.fakes.aws.queue import Queue
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.aws.sqs import client_error as sqs_error
from tests.fakes.aws.sqs_event import SENT_AT
from tests.fakes.batches import reported_ids
from tests.fakes.turns import Killed, Turns
from worker.batch import Dependencies, process
from worker.intake_queue import IntakeQueue
from worker.messages import Message, Reader

Ended = tuple[str, str, int]
"""Which end it is: conversation, queue and sequence."""

TIMEOUT = 30.0
DESTINATIONS = ("actions", "bus")
POISON = "{"
FIVE_MINUTES = 300_000
WORKERS = 2
NO_ANSWER = EndpointConnectionError(endpoint_url="(somewhere)")
REFUSED = "AccessDeniedException"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one call.

    `fails`: it is not carried out. `is refused`: nor would it be another time. `loses its answer`:
    it is carried out, and an error comes. `is overtaken`: an error comes, and it is carried out
    some time later. `partly`: some of it is throttled. `starts late`, `ends late`: time passes
    before or after it is carried out. The worker is killed `before` it, `after` it, or while it is
    `on the wire`: it, too, is carried out some time later.

    Attributes
    ----------
    left
        The seconds of the worker's time that are left then, where time passes.
    """

    kind: str = "succeeds"
    left: float | None = None


# On both sides of what the worker keeps for reporting and for its answer, and beyond its lease.
LEFT = (4, 2, 0.5, -3)
FATES = [
    *[Fate(kind) for kind in ("fails", "is refused", "loses its answer", "partly", "partly")],
    *[Fate("is overtaken")] * 4,
    *[Fate(kind) for kind in ("killed before", "killed after", "killed on the wire")] * 2,
    *[Fate(kind, left) for kind in ("starts late", "ends late") for left in LEFT],
    *[Fate(kind, left) for kind in ("fails", "loses its answer") for left in LEFT[:3]],
]


@dataclass(frozen=True, slots=True)
class Event:
    """An end as it was sent; `ended_at` in epoch milliseconds, None where the event has no time."""

    conversation_id: str
    ended_at: int | None
    body: str


@dataclass(slots=True)
class Invocation:
    """A worker at work on a batch.

    Attributes
    ----------
    end
        When Lambda's timeout ends it, in the clock's seconds.
    outlives
        Whether it goes on beyond that, as if its clock were wrong: what it then delivers cannot be
        helped, but what it then writes must not count.
    token, at
        By what the ledger knows it; the operation that it is about to call.
    over
        Whether its time is over or it has been killed.
    delivered
        What it has delivered: destination and end.
    met
        The kinds of faults that its calls met.
    """

    records: Sequence[dict[str, Any]]
    end: float
    outlives: bool
    token: str = ""
    at: str = ""
    over: bool = False
    delivered: list[tuple[str, Ended]] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    turns: Turns = field(init=False)


class World:
    """Everything around the workers, what has come of their work, and what must hold of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.dynamodb = FakeDynamoDb()
        self.queue = Queue(lambda: self.now, max_receives=5)
        self.workers: list[Invocation | None] = [None] * WORKERS
        self.running: Invocation | None = None
        self.on_the_wire: list[Callable[[], object]] = []
        self.events: list[Event] = []
        self.recorded: defaultdict[str, list[int]] = defaultdict(list)
        self.got: Counter[tuple[str, Ended]] = Counter()
        self.excused: Counter[tuple[str, Ended]] = Counter()
        self.violations: list[str] = []
        self._judged = 0

    def now_ms(self) -> int:
        return SENT_AT + int(self.now * 1000)

    def begin(self, slot: int, most: int, outlives: bool) -> bool:
        """Have a worker begin with a batch of what is due; return whether there is anything.

        When none is at work, the next message is waited for.
        """
        due = self.queue.next_due()
        if due is not None and not any(self.workers):
            self.pass_time(max(0.0, due - self.now))
        records = self.queue.receive(most)
        if not records:
            return False
        worker = Invocation(records, self.now + TIMEOUT, outlives)
        dynamodb = _Client(self, worker, self.dynamodb, client_error)
        sqs = _Client(self, worker, self.queue, sqs_error)
        ledger = Ledger(LedgerTable(dynamodb, TABLE), days=20, now_ms=self.now_ms)  # type: ignore[arg-type]
        parts = Dependencies(
            reader=Reader({QUEUE}, parse_subscription_event),
            intake=IntakeQueue(sqs, INTAKE, DEAD, retry_delay_seconds=30),  # type: ignore[arg-type]
            ledger=ledger,
            destinations=[_Recorder(self, worker, name) for name in DESTINATIONS],
            now_ms=self.now_ms,
            sleep=self.pass_time,
        )
        messages = [Message.from_record(record) for record in records]
        worker.turns = Turns(lambda: process(messages, parts, _Context(self, worker)))
        self.workers[slot] = worker
        self.go_on(slot)
        return True

    def go_on(self, slot: int, fate: Fate | None = None) -> bool:
        """Let a worker make its next call; return whether it makes another one after that."""
        worker = self.workers[slot]
        if worker is None:
            return False
        self.running = worker
        more = worker.turns.go_on(fate or Fate())
        self.running = None
        if not more:
            self.workers[slot] = None
            if not worker.over:
                self._settle(worker)
        return more

    def call(
        self,
        operation: str,
        carry_out: Callable[[], Any],
        throttle: Callable[[], object] = lambda: None,
        error: Callable[[str], BaseException] = client_error,
    ) -> Any:
        """Make a worker's call, with the fate that the moves have for it."""
        worker = self.running
        assert worker
        worker.at = operation
        fate: Fate = worker.turns.stop()
        if fate != Fate():
            worker.met.add(fate.kind)
        if fate.kind in ("killed on the wire", "is overtaken"):
            self.on_the_wire.append(carry_out)
        self._delay(worker, fate, "starts late", "fails")
        match fate.kind:
            case "fails":
                raise error("ThrottlingException")
            case "is refused":
                raise error(REFUSED)
            case "is overtaken":
                raise NO_ANSWER
            case "killed before" | "killed on the wire":
                self._end(worker)
                raise Killed
            case "partly":
                throttle()
        answer = carry_out()
        if fate.kind == "loses its answer" and operation == "deliver":
            self.excused[worker.delivered.pop()] += 1
        self._delay(worker, fate, "ends late", "loses its answer")
        if fate.kind == "killed after":
            self._end(worker)
        if worker.turns.dead:
            raise Killed
        if fate.kind == "loses its answer":
            raise NO_ANSWER
        return answer

    def _delay(self, worker: Invocation, fate: Fate, *kinds: str) -> None:
        """Let time pass, for fates of some kinds, until the worker has no more than `left`."""
        if fate.kind in kinds and fate.left is not None:
            self.pass_time(max(0.0, worker.end - fate.left - self.now))

    def deliver(self, destination: str, end: ConversationEnd, worker: Invocation) -> None:
        self._check_sequence(end)
        self._check_marks(destination, worker)
        what = destination, (end.conversation_id, end.queue_id, end.sequence)
        self.got[what] += 1
        worker.delivered.append(what)
        if worker is not self.running or worker.over:
            self.excused[what] += 1
        if self.got[what] > 1 + self.excused[what]:
            self.violations.append(f"delivered twice: {what}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and Lambda end what has outlasted its timeout."""
        self.now += seconds
        for worker in self.workers:
            if worker and not worker.over and self.now >= worker.end:
                self._end(worker, kill=not worker.outlives)

    def arrive_late(self) -> None:
        """Carry out the calls that are on the wire."""
        while self.on_the_wire:
            self.on_the_wire.pop(0)()

    def check(self) -> None:
        """What must hold after every move."""
        assert self.violations == []
        assert self.dynamodb.refused == []
        assert self.queue.refused == []
        for entry in self.queue.dead:
            reason = entry["MessageAttributes"]["reason"]["StringValue"]
            poison = entry["MessageBody"] == POISON
            assert reason == ("not_json" if poison else "destination_refused")

    def check_the_end(self) -> None:
        """When all faults are over, everything has arrived and the ledger says so."""
        assert not self.queue.waiting
        assert set(self.queue.bodies_of_the_dead()) <= {POISON}
        for event in self.events:
            item = self._item(event)
            assert item, f"lost: {event}"
            assert _is_done(item)
        assert all(_is_done(item) for item in self.dynamodb.items.values())
        ends = {
            (conversation_id, QUEUE, sequence)
            for conversation_id, ended_at in self.recorded.items()
            for sequence in range(1, len(ended_at) + 1)
        }
        assert set(self.got) == {(name, end) for name in DESTINATIONS for end in ends}

    def sequence_of(self, conversation_id: str, ended_at: int | None) -> int | None:
        """Return which of the recorded ends an end is; None where it is none of them."""
        recorded = self.recorded[conversation_id]
        if ended_at is None:
            return 1 if recorded else None
        for sequence, other in enumerate(recorded, 1):
            if abs(ended_at - other) <= FIVE_MINUTES:
                return sequence
        return None

    def _settle(self, worker: Invocation) -> None:
        """Take a worker's answer as Lambda does: what it does not report is deleted."""
        report = worker.turns.result
        failed = reported_ids(report)
        ids = [record["messageId"] for record in worker.records]
        assert sorted(outcome.message.id for outcome in report.outcomes) == sorted(ids)
        self._let_repeat(worker)
        for record in worker.records:
            if record["messageId"] not in failed and record["body"] != POISON:
                self._check_accepted(record["body"], report, record["messageId"])
        self.queue.settle(worker.records, failed)

    def _check_accepted(self, body: str, report: Any, message_id: str) -> None:
        """Nothing is acknowledged before it is done."""
        (kind,) = {o.kind for o in report.outcomes if o.message.id == message_id}
        if kind == "rejected":
            assert body in {entry["MessageBody"] for entry in self.queue.dead}
            return
        item = self._item(next(event for event in self.events if event.body == body))
        assert kind in ("processed", "duplicate")
        assert item
        assert _is_done(item)

    def _end(self, worker: Invocation, *, kill: bool = True) -> None:
        worker.over = True
        worker.turns.dead = kill
        self._let_repeat(worker)

    def _let_repeat(self, worker: Invocation) -> None:
        """Excuse one more delivery of what a worker has delivered and not marked in its time."""
        for destination, end in worker.delivered:
            item = self.dynamodb.items[_key(end)]
            if destination not in _delivered(item):
                self.excused[destination, end] += 1
                if not worker.met and self.now < worker.end - 1:
                    self.violations.append(f"not marked although nothing failed: {end}")
        worker.delivered.clear()

    def _check_marks(self, destination: str, worker: Invocation) -> None:
        """What one destination has is marked before the next one is tried."""
        for before, end in worker.delivered:
            unmarked = before not in _delivered(self.dynamodb.items[_key(end)])
            if before != destination and unmarked and not worker.met:
                self.violations.append(f"not marked yet: {end}")

    def _check_sequence(self, end: ConversationEnd) -> None:
        ended_at = None
        if "eventTime" in end.raw:
            ended_at = round(datetime.fromisoformat(end.ended_at).timestamp() * 1000)
        if end.sequence != self.sequence_of(end.conversation_id, ended_at):
            self.violations.append(f"of another sequence: {end}")

    def judge(self, worker: Invocation) -> None:
        """Look at what a worker has just written."""
        for written in self.dynamodb.written[self._judged :]:
            if problem := self._problem_of(written, worker):
                self.violations.append(f"{problem}: {written}")
        self._judged = len(self.dynamodb.written)

    def _problem_of(self, written: Written, worker: Invocation) -> str:
        before, after = written.before, written.after
        holder = after["claimed_by"]["S"]
        if before is None:
            worker.token = worker.token or holder
            return self._problem_of_new(written) or ("" if holder == worker.token else "forged")
        if holder != before["claimed_by"]["S"]:
            worker.token = worker.token or holder
            if _is_done(before) or int(before["lease_until"]["N"]) >= self.now_ms():
                return "taken over although it was done or held"
        changed = {name for name in after if after[name] != before[name]}
        if changed - {"expires_at"} and holder != worker.token:
            return "written without holding the claim"
        if changed & {"conversation_id", "queue_id", "ended_at", "source"}:
            return "another end"
        if not set(_delivered(before)) <= set(_delivered(after)):
            return "a mark taken back"
        if _is_done(before) and not _is_done(after):
            return "undone"
        return (
            "" if not _is_done(after) or set(_delivered(after)) == {*DESTINATIONS} else "not done"
        )

    def _problem_of_new(self, written: Written) -> str:
        """An item is one of the ends that were sent, under the next number of its conversation."""
        conversation_id, queue_id = written.key
        ended_at = int(written.after["ended_at"]["N"])
        sent = [e.ended_at for e in self.events if e.conversation_id == conversation_id]
        next_one = len(self.recorded[conversation_id]) + 1
        known = self.sequence_of(conversation_id, ended_at)
        self.recorded[conversation_id].append(ended_at)
        if queue_id != _key((conversation_id, QUEUE, next_one))[1]:
            return "out of order"
        if ended_at not in sent and not (None in sent and next_one == 1):
            return "of nothing that was sent"
        return "recorded again" if known else ""

    def _item(self, event: Event) -> Item | None:
        sequence = self.sequence_of(event.conversation_id, event.ended_at)
        if sequence is None:
            return None
        return self.dynamodb.items[_key((event.conversation_id, QUEUE, sequence))]


class _Client:
    """A client of DynamoDB or SQS whose every call is a stop."""

    def __init__(
        self,
        world: World,
        worker: Invocation,
        fake: FakeDynamoDb | Queue,
        error: Callable[[str], BaseException],
    ) -> None:
        self._world = world
        self._worker = worker
        self._fake = fake
        self._error = error

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            def carry_out() -> Any:
                answer = getattr(self._fake, operation)(**parameters)
                self._world.judge(self._worker)
                return answer

            def throttle() -> None:
                self._fake.script(operation, [0])

            return self._world.call(operation, carry_out, throttle, self._error)

        return call


@dataclass(frozen=True, slots=True)
class _Recorder:
    """A destination that counts what it gets."""

    world: World
    worker: Invocation
    name: str

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        for position, end in enumerate(ends):
            if deadline.passed():
                return
            try:
                deliver = functools.partial(self.world.deliver, self.name, end, self.worker)
                self.world.call("deliver", deliver)
            except ClientError as error:
                refused = error.response["Error"]["Code"] == REFUSED
                yield Receipt(position, "refused" if refused else "failed", "as told")
            except BotoCoreError:
                yield Receipt(position, "failed", "no answer")
            else:
                yield Receipt(position, "arrived")


@dataclass(frozen=True, slots=True)
class _Context:
    """Lambda's context, by the model's clock."""

    world: World
    worker: Invocation

    def get_remaining_time_in_millis(self) -> int:
        return int((self.worker.end - self.world.now) * 1000)


def _key(end: Ended) -> Key:
    conversation_id, queue_id, sequence = end
    return conversation_id, queue_id if sequence == 1 else f"{queue_id}#{sequence}"


def _is_done(item: Item) -> bool:
    return bool(item["state"]["S"] == "done")


def _delivered(item: Item) -> list[str]:
    return [name["S"] for name in item["delivered"]["L"]]


@dataclass(frozen=True, slots=True)
class Send:
    """An end is sent; without minutes its event has no time."""

    conversation_id: str
    minutes: float | None
    copies: int

    def happen(self, world: World) -> None:
        after = None if self.minutes is None else self.minutes * 60
        ended_at = None if after is None else round((ENDED.timestamp() + after) * 1000)
        body = bodies.end(self.conversation_id, after=after)
        world.events.append(Event(self.conversation_id, ended_at, body))
        for _ in range(self.copies):
            world.queue.put(body)


@dataclass(frozen=True, slots=True)
class ClaimedEnd:
    """A worker goes on to one of its next calls, which may have a fate of its own.

    Attributes
    ----------
    slot, most, outlives
        Which worker, and what it begins with if it is idle.
    calls, to
        To how many-th next call it goes, and of what; the calls before succeed.
    """

    slot: int
    most: int
    outlives: bool
    calls: int
    to: str
    fate: Fate | None

    def happen(self, world: World) -> None:
        if not world.workers[self.slot] and not world.begin(self.slot, self.most, self.outlives):
            return
        for _ in range(self.calls):
            world.go_on(self.slot)
            while (worker := world.workers[self.slot]) and self.to not in worker.at:
                world.go_on(self.slot)
        if self.fate:
            world.go_on(self.slot, self.fate)


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes; then calls that are on the wire may arrive, or messages come or come back."""

    seconds: float
    then: str

    def happen(self, world: World) -> None:
        world.pass_time(self.seconds)
        if self.then == "arrival":
            world.arrive_late()
        elif self.then == "redrive":
            world.queue.redrive()
        elif self.then == "poison":
            world.queue.put(POISON)


Move = Send | ClaimedEnd | Wait


def a_send(chance: random.Random) -> Send:
    return Send(
        conversation_id=chance.choice("ccccde"),
        minutes=chance.choice([None, 0, 0, 3, 5, 5.001, 8, 16, -4, -7, 60]),
        copies=chance.choice([1, 2, 2, 3]),
    )


def a_move(chance: random.Random) -> Move:
    what = chance.random()
    if what < 0.15:
        return a_send(chance)
    if what < 0.35:
        then = chance.choice(["", "arrival", "arrival", "arrival", "redrive", "poison"])
        return Wait(chance.choice([1, 26, 26, 36, 36, 200]), then)
    return ClaimedEnd(
        slot=chance.randrange(WORKERS),
        most=chance.choice([1, 2, 10]),
        outlives=chance.random() < 0.3,
        calls=chance.randrange(4),
        to=chance.choice(["", "deliver", "statement", "statement"]),
        fate=chance.choice([None, chance.choice(FATES)]),
    )


# Each example is drawn from a seed of its own: drawn by hypothesis, moves would be too much alike.
# To have a failing one for itself, call `play` with the moves that it notes.
@settings(max_examples=100, phases=[Phase.explicit, Phase.generate])
@given(st.randoms(use_true_random=True))
def test_no_end_is_lost_and_none_delivered_twice(chance: random.Random) -> None:
    moves: list[Move] = [a_send(chance) for _ in range(chance.randint(1, 6))]
    moves += [a_move(chance) for _ in range(45)]
    note("\n".join(map(repr, moves)))
    play(moves)


def play(moves: Sequence[Move]) -> None:
    """Have moves happen, let all come to its end, and look all the while."""
    world = World()
    try:
        for move in moves:
            move.happen(world)
            world.check()
        _finish(world)
    finally:
        for worker in filter(None, world.workers):
            worker.turns.kill()
    world.check()
    world.check_the_end()


def _finish(world: World) -> None:
    """Let all that is under way come to its end without faults."""
    for _ in range(100):
        for slot in range(WORKERS):
            while world.go_on(slot):
                pass
        world.arrive_late()
        if not world.begin(0, 10, outlives=False) and not world.queue.waiting:
            if not set(world.queue.bodies_of_the_dead()) - {POISON}:
                return
            world.queue.redrive()
