"""What is known of a conversation comes together, in any order and through any trouble."""

import dataclasses
import itertools
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from conversations.failures import Failed, NoTime
from conversations.histories import Histories, HistoryResult
from conversations.history import MOST_TIMES, CustomerEnd, History
from conversations.ledger_store import DAY
from dynamodb.ledger_table import LedgerTable
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Clock
from tests.fakes.interleavings import Stopping, interleavings
from tests.fakes.turns import Turns

WRITE, READ = "batch_execute_statement", "batch_get_item"
NO_ANSWER = ConnectionClosedError(endpoint_url="(somewhere)")
MINUTE = 60_000
A = History(queues={"a": (100,)})
B = History(queues={"b": (200,)})
END = History(ends={300: CustomerEnd(300, media_type="VOICE", disconnect_type="PEER")})


class Adder:
    """Adds to what is known of the conversation `c`."""

    def __init__(self, dynamodb: Any, clock: Clock) -> None:
        self._clock = clock
        self.histories = Histories(LedgerTable(dynamodb, TABLE), days=20, now_ms=self._now_ms)

    def __call__(self, news: History, seconds: float = 10) -> HistoryResult:
        return self.histories.add({"c": news}, self._clock.deadline(seconds))["c"]

    def known(self) -> History:
        """Return what is known, as it is written down."""
        known = self.histories.read(["c"], self._clock.deadline(10))["c"]
        assert isinstance(known, History)
        return known

    def _now_ms(self) -> int:
        return int(self._clock.now * 1000)


@pytest.fixture
def add(dynamodb: FakeDynamoDb, clock: Clock) -> Adder:
    return Adder(dynamodb, clock)


def told(known: HistoryResult) -> tuple[dict[str, tuple[int, ...]], list[int]]:
    """Return the times of what is known: of the queues' events, and of the ends."""
    assert isinstance(known, History)
    return dict(known.queues), sorted(known.ends)


def test_a_conversation_s_first_event_costs_one_write_and_no_read(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    assert add(END) == END
    assert [call.operation for call in dynamodb.calls] == [WRITE]
    assert len(dynamodb.written) == 1
    item = dynamodb.items["c", "#join"]
    assert item["expires_at"] == {"N": str(20 * DAY)}


def test_a_further_event_costs_one_read_and_one_write(add: Adder, dynamodb: FakeDynamoDb) -> None:
    add(END)
    dynamodb.calls.clear()
    assert told(add(A)) == ({"a": (100,)}, [300])
    assert [call.operation for call in dynamodb.calls] == [WRITE, READ, WRITE]
    assert len(dynamodb.written) == 2


def test_known_news_is_not_written_again(add: Adder, dynamodb: FakeDynamoDb) -> None:
    for news in (A, B, END):
        add(news)
    written = len(dynamodb.written)
    for news in (A, B, END, A.merged_with(END)):
        assert told(add(news)) == ({"a": (100,), "b": (200,)}, [300])
    assert len(dynamodb.written) == written


def test_without_news_the_table_is_not_called(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    assert add.histories.add({}, clock.deadline(10)) == {}
    assert add.histories.read([], clock.deadline(10)) == {}
    assert dynamodb.calls == []


def test_a_known_conversation_is_read_as_it_was_written(add: Adder) -> None:
    everything = History(
        queues={"a": (100, 900), "é#2": (5,)},
        ends={
            -5: CustomerEnd(-5, dated=False),
            10 * MINUTE: CustomerEnd(11 * MINUTE, True, "VOICE", "INBOUND", "PEER", True, "a"),
        },
    )
    add(everything)
    known = add.known()
    assert {left.expires_at for left in known.ends.values()} == {20 * DAY}
    ends = {at: dataclasses.replace(left, expires_at=0) for at, left in known.ends.items()}
    assert History(known.queues, ends) == everything


def test_nothing_is_known_of_a_conversation_without_an_item(add: Adder) -> None:
    assert add.known() == History()


def test_many_conversations_at_once_take_few_calls(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    add.histories.add({f"c-{n}": A for n in range(0, 100, 2)}, clock.deadline(10))
    dynamodb.calls.clear()
    known = add.histories.add({f"c-{n}": END for n in range(100)}, clock.deadline(10))
    assert [told(known[f"c-{n}"]) for n in range(100)] == [({"a": (100,)}, [300]), ({}, [300])] * 50
    assert [call.operation for call in dynamodb.calls] == [WRITE] * 4 + [READ] + [WRITE] * 2


@pytest.mark.parametrize("order", [*itertools.permutations([A, B, END])])
def test_any_order_of_news_gives_the_same_knowledge(add: Adder, order: tuple[History, ...]) -> None:
    for news in order:
        add(news)
    assert told(add.known()) == ({"a": (100,), "b": (200,)}, [300])


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_lost_answer_changes_no_knowledge(add: Adder, dynamodb: FakeDynamoDb, lost: int) -> None:
    add(A)
    dynamodb.script(WRITE, *[Lost(NO_ANSWER)] * lost)
    assert told(add(END)) == ({"a": (100,)}, [300])
    dynamodb.script(WRITE, None, *[Lost(NO_ANSWER)] * lost)
    assert told(add(B)) == ({"a": (100,), "b": (200,)}, [300])
    assert [w.after["version"]["N"] for w in dynamodb.written] == ["1", "2", "3"]


def test_a_first_event_whose_answer_is_lost_is_known_once(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.script(WRITE, Lost(NO_ANSWER))
    assert told(add(END)) == ({}, [300])
    assert len(dynamodb.written) == 1


@pytest.mark.parametrize("operation", [WRITE, READ])
@pytest.mark.parametrize(
    "fault", [[0], client_error("ThrottlingException"), client_error("Unknown", 500), NO_ANSWER]
)
def test_a_passing_error_of_the_join_is_waited_out(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb, operation: str, fault: Any
) -> None:
    add(A)
    dynamodb.script(operation, *[fault] * 3)
    assert told(add(END)) == ({"a": (100,)}, [300])
    assert len(clock.pauses) == 3


@pytest.mark.parametrize(
    ("operation", "fault", "error"),
    [
        (WRITE, [0], "ThrottlingError"),
        (WRITE, client_error("AccessDeniedException"), "AccessDeniedException"),
        (WRITE, NO_ANSWER, "NoAnswer"),
        (READ, [0], "Unread"),
        (READ, NO_ANSWER, "Unread"),
    ],
)
def test_a_lasting_error_is_reported_and_the_next_try_succeeds(
    add: Adder, dynamodb: FakeDynamoDb, operation: str, fault: Any, error: str
) -> None:
    add(A)
    dynamodb.always(operation, fault)
    assert add(END) == Failed(error)
    dynamodb.no_more_faults()
    assert told(add(END)) == ({"a": (100,)}, [300])


def test_a_throttled_conversation_keeps_no_other_from_being_known(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.always(WRITE, [0])
    known = add.histories.add({"throttled": A, "d": A, "e": END}, clock.deadline(5))
    assert known == {"throttled": Failed("ThrottlingError"), "d": A, "e": END}


def test_without_time_the_join_is_not_asked(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    assert add(A, seconds=0) == NoTime()
    assert add.histories.read(["c"], clock.deadline(0)) == {"c": Failed("Unread")}
    assert dynamodb.calls == []


def test_an_add_that_is_always_overtaken_ends_at_the_deadline(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    add(A)
    other = Adder(dynamodb, clock)
    times = itertools.count(1000)
    quicker = True

    def overtake() -> None:
        nonlocal quicker
        clock.sleep(0.5)
        if quicker:
            quicker = False
            other(History(queues={"b": (next(times),)}))
            quicker = True

    dynamodb.always(READ, lambda: None)
    dynamodb.always(WRITE, overtake)
    assert isinstance(add(END), Failed)
    assert 10 <= clock.now < 12
    dynamodb.no_more_faults()
    assert told(add(END))[1] == [300]


@pytest.mark.parametrize("when", ["before it is read", "before it is added to"])
def test_an_item_that_is_gone_meanwhile_is_made_again(
    add: Adder, dynamodb: FakeDynamoDb, when: str
) -> None:
    add(A)
    if when == "before it is read":
        dynamodb.script(READ, dynamodb.items.clear)
    else:
        dynamodb.script(WRITE, None, dynamodb.items.clear)
    assert told(add(END)) == ({}, [300])
    assert told(add.known()) == ({}, [300])


class AtOnce:
    """Adders that take turns at every call, each time with a table of their own."""

    def __init__(self, *news: History, before: History | None = None) -> None:
        self._news = news
        self._before = before
        self.dynamodb = FakeDynamoDb()

    def begin(self) -> list[Turns]:
        self.dynamodb = FakeDynamoDb()
        if self._before:
            Adder(self.dynamodb, Clock())(self._before)
        turns: list[Turns] = []

        def adding(number: int, news: History) -> Turns:
            add = Adder(Stopping(self.dynamodb, turns, number), Clock())
            return Turns(lambda: add(news))

        turns += [adding(number, news) for number, news in enumerate(self._news)]
        return turns


@pytest.mark.parametrize(("before", "orders"), [(None, 2), (B, 20)])
def test_of_two_at_the_same_moment_at_least_one_sees_both(
    before: History | None, orders: int
) -> None:
    runs, at_once = 0, AtOnce(A, END, before=before)
    for seen in interleavings(at_once.begin):
        runs += 1
        assert any("a" in one.queues and 300 in one.ends for one in seen)
        written = Adder(at_once.dynamodb, Clock()).known()
        assert told(written) == told((before or History()).merged_with(A).merged_with(END))
        assert at_once.dynamodb.refused == []
    assert runs == orders


def test_of_three_at_the_same_moment_at_least_one_sees_all() -> None:
    runs = 0
    for seen in interleavings(AtOnce(A, B, END).begin):
        runs += 1
        assert any(told(one) == ({"a": (100,), "b": (200,)}, [300]) for one in seen)
    assert runs == 60


def test_ends_within_five_minutes_are_one_and_others_are_not() -> None:
    known = History()
    for at_ms in (0, 5 * MINUTE, 5 * MINUTE + 1, 20 * MINUTE, 16 * MINUTE):
        known = known.merged_with(History(ends={at_ms: CustomerEnd(at_ms, media_type=str(at_ms))}))
    assert {at: (left.latest_ms, left.media_type) for at, left in known.ends.items()} == {
        0: (5 * MINUTE, "0"),
        5 * MINUTE + 1: (5 * MINUTE + 1, str(5 * MINUTE + 1)),
        20 * MINUTE: (20 * MINUTE, str(20 * MINUTE)),
    }


def test_a_decision_is_kept_and_never_replaced() -> None:
    undecided = History(ends={0: CustomerEnd(0)})
    first = undecided.merged_with(History(ends={0: CustomerEnd(0, decided="a")}))
    second = first.merged_with(History(ends={0: CustomerEnd(0, decided="b", settling=True)}))
    assert first.ends[0].decided == second.ends[0].decided == "a"
    assert second.merged_with(undecided) == second


def test_a_queue_was_touched_up_to_five_minutes_after_the_end() -> None:
    known = History(
        queues={
            "before": (-90 * MINUTE, 90 * MINUTE),
            "after": (5 * MINUTE,),
            "later": (5 * MINUTE + 1,),
            "twice": (-MINUTE, MINUTE, 20 * MINUTE),
        },
        ends={0: CustomerEnd(0)},
    )
    assert known.queues_at(0) == {
        "before": -90 * MINUTE,
        "after": 5 * MINUTE,
        "twice": MINUTE,
    }


@pytest.mark.parametrize("order", [(0, 4), (4, 0)])
def test_ends_that_are_one_touch_the_same_queues_whichever_came_first(
    order: tuple[int, int],
) -> None:
    known = History(queues={"a": (8 * MINUTE,)})
    for minutes in order:
        at_ms = minutes * MINUTE
        known = known.merged_with(History(ends={at_ms: CustomerEnd(at_ms)}))
    (ended_at,) = known.ends
    assert list(known.queues_at(ended_at)) == ["a"]


def test_of_very_many_events_the_first_and_the_latest_are_kept() -> None:
    known = History()
    for time in (*range(1000, 1, -1), 1, 500):
        known = known.merged_with(History(queues={"a": (time,)}))
    kept = known.queues["a"]
    assert kept == (1, *range(1000 - MOST_TIMES + 2, 1001))
    assert known.merged_with(History(queues={"a": (500,)})) == known


def test_an_end_is_forgotten_before_the_ledger_forgets_it_though_events_go_on(
    add: Adder, clock: Clock
) -> None:
    add(A.merged_with(END))
    for days, ends in [(12, [300]), (19.99, [300]), (20.01, []), (30, [])]:
        clock.now = days * DAY
        later = History(queues={"a": (int(clock.now * 1000),)})
        assert told(add(later))[1] == ends
    assert add.known().queues["a"][0] == 100
