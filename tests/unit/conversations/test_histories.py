"""Additions in any order, and despite faults, lead to the same histories in the store."""

import dataclasses
import itertools
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from conversations.end import SAME_END_WINDOW_MS
from conversations.failures import Failed, OutOfTime
from conversations.histories import Histories, HistoryResult
from conversations.history import UNKNOWN_TOPIC, CustomerEnd, History, QueueEvent
from conversations.ledger_store import SECONDS_PER_DAY
from dynamodb.ledger_table import LedgerTable
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Clock
from tests.fakes.interleavings import Stopping, interleavings
from tests.fakes.turns import Turns

WRITE, READ = "batch_execute_statement", "batch_get_item"
CONNECTION_CLOSED = ConnectionClosedError(endpoint_url="(somewhere)")
MINUTE = 60_000
A = History(queues={"a": (QueueEvent(100, "acd.start"),)})
B = History(queues={"b": (QueueEvent(200, "acd.end", 50),)})
END = History(customer_ends={300: CustomerEnd(media_type="VOICE", disconnect_type="PEER")})


class Adder:
    """Adds to the history of conversation `c`."""

    def __init__(self, dynamodb: Any, clock: Clock) -> None:
        self._clock = clock
        self.histories = Histories(LedgerTable(dynamodb, TABLE), days=20, now_ms=self._now_ms)

    def __call__(self, addition: History, seconds: float = 10) -> HistoryResult:
        return self.histories.add({"c": addition}, self._clock.deadline(seconds))["c"]

    def stored(self) -> History:
        """Return the stored history."""
        history = self.histories.read(["c"], self._clock.deadline(10))["c"]
        assert isinstance(history, History)
        return history

    def _now_ms(self) -> int:
        return int(self._clock.now * 1000)


@pytest.fixture
def add(dynamodb: FakeDynamoDb, clock: Clock) -> Adder:
    return Adder(dynamodb, clock)


def times_of(history: HistoryResult) -> tuple[dict[str, tuple[int, ...]], list[int]]:
    """Return a history's event times by queue id, and its end times."""
    assert isinstance(history, History)
    times = {
        queue_id: tuple(event.at_ms for event in events)
        for queue_id, events in history.queues.items()
    }
    return times, sorted(history.customer_ends)


def cost_of(dynamodb: FakeDynamoDb) -> list[tuple[str, int]]:
    """Return the calls so far, with their keys or statements. Each of these costs a unit."""
    return [(call.operation, len(call.entries)) for call in dynamodb.calls]


def test_a_conversation_s_first_event_costs_a_read_and_a_write(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    assert add(END) == END
    assert cost_of(dynamodb) == [(READ, 1), (WRITE, 1)]
    assert len(dynamodb.written) == 1
    item = dynamodb.items["c", "#join"]
    assert item["expires_at"] == {"N": str(20 * SECONDS_PER_DAY)}


def test_a_further_event_costs_a_read_and_a_write(add: Adder, dynamodb: FakeDynamoDb) -> None:
    add(END)
    dynamodb.calls.clear()
    assert times_of(add(A)) == ({"a": (100,)}, [300])
    assert cost_of(dynamodb) == [(READ, 1), (WRITE, 1)]
    assert len(dynamodb.written) == 2


def test_an_addition_that_is_stored_already_is_not_written_again(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    for addition in (A, B, END):
        add(addition)
    dynamodb.calls.clear()
    for addition in (A, B, END, A.merged_with(END)):
        assert times_of(add(addition)) == ({"a": (100,), "b": (200,)}, [300])
    assert cost_of(dynamodb) == [(READ, 1)] * 4


def test_without_additions_the_table_is_not_called(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    assert add.histories.add({}, clock.deadline(10)) == {}
    assert add.histories.read([], clock.deadline(10)) == {}
    assert dynamodb.calls == []


def test_a_history_is_read_as_it_was_written(add: Adder) -> None:
    everything = History(
        queues={
            "a": (
                QueueEvent(100, "acd.end", duration_ms=99),
                QueueEvent(900, "user.end", duration_ms=7, agent_talked=True, is_callback=True),
            ),
            "é#2": (QueueEvent(5, "wrapup"), QueueEvent(6, UNKNOWN_TOPIC)),
        },
        customer_ends={
            -5: CustomerEnd(has_own_time=False),
            10 * MINUTE: CustomerEnd(True, "VOICE", "INBOUND", "PEER", "a"),
        },
    )
    add(everything)
    stored = add.stored()
    assert {end.expires_at for end in stored.customer_ends.values()} == {20 * SECONDS_PER_DAY}
    ends = {at: dataclasses.replace(end, expires_at=0) for at, end in stored.customer_ends.items()}
    assert History(stored.queues, ends) == everything


# An item as a version before 2026-12 has written it.
ITEM_BEFORE: dict[str, Any] = {
    "conversation_id": {"S": "c"},
    "queue_id": {"S": "#join"},
    "queues": {"M": {"a": {"L": [{"N": "100"}, {"N": "200"}]}}},
    "ends": {
        "M": {
            "300": {
                "M": {
                    "media_type": {"S": "VOICE"},
                    "decided": {"S": "a"},
                    "latest_ms": {"N": "450"},
                    "expires_at": {"N": "1728000"},
                    "dated": {"BOOL": True},
                    "settling": {"BOOL": True},
                }
            }
        }
    },
    "version": {"N": "7"},
    "expires_at": {"N": "1728000"},
}


def test_an_item_of_the_version_before_is_read_and_extended(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.items["c", "#join"] = dict(ITEM_BEFORE)
    stored = add.stored()
    assert stored.queues == {"a": (QueueEvent(100, UNKNOWN_TOPIC), QueueEvent(200, UNKNOWN_TOPIC))}
    assert stored.customer_ends == {
        300: CustomerEnd(media_type="VOICE", decided_queue_id="a", expires_at=1_728_000),
        # The version before has merged a second customer's end into the first.
        450: CustomerEnd(media_type="VOICE", expires_at=1_728_000),
    }
    add(A)
    assert add.stored().queues == {
        "a": (QueueEvent(100, "acd.start"), QueueEvent(200, UNKNOWN_TOPIC))
    }


def test_the_version_before_can_read_what_is_written(add: Adder, dynamodb: FakeDynamoDb) -> None:
    """A deploy can be rolled back."""
    add(A.merged_with(B).merged_with(END))
    item = dynamodb.items["c", "#join"]
    assert item["queues"] == {"M": {"a": {"L": [{"N": "100"}]}, "b": {"L": [{"N": "200"}]}}}
    values = item["ends"]["M"]["300"]["M"]
    assert values.keys() == ITEM_BEFORE["ends"]["M"]["300"]["M"].keys() - {"decided"} | {
        "disconnect_type"
    }
    assert (values["latest_ms"], values["settling"]) == ({"N": "300"}, {"BOOL": False})


def test_the_version_before_sends_no_settle_message_for_the_later_of_two_near_ends(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    """It would record the decision in the earlier end, and send the message again, without end."""
    ends = (300, 300 + 5 * MINUTE, 301 + 10 * MINUTE)
    for at_ms in reversed(ends):
        add(History(customer_ends={at_ms: CustomerEnd()}))
    written = dynamodb.items["c", "#join"]["ends"]["M"]
    settling = [written[str(at_ms)]["M"]["settling"]["BOOL"] for at_ms in ends]
    assert settling == [False, True, False]


def test_what_the_version_before_adds_meanwhile_is_kept(add: Adder, dynamodb: FakeDynamoDb) -> None:
    add(A)
    item = dynamodb.items["c", "#join"]
    item["queues"] = {"M": {"a": {"L": [{"N": "100"}, {"N": "150"}]}, "b": {"L": [{"N": "9"}]}}}
    assert add.stored().queues == {
        "a": (QueueEvent(100, "acd.start"), QueueEvent(150, UNKNOWN_TOPIC)),
        "b": (QueueEvent(9, UNKNOWN_TOPIC),),
    }


def test_a_conversation_without_an_item_has_an_empty_history(add: Adder) -> None:
    assert add.stored() == History()


def test_many_conversations_at_once_take_few_calls(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    add.histories.add({f"c-{n}": A for n in range(0, 100, 2)}, clock.deadline(10))
    dynamodb.calls.clear()
    histories = add.histories.add({f"c-{n}": END for n in range(100)}, clock.deadline(10))
    assert [times_of(histories[f"c-{n}"]) for n in range(100)] == [
        ({"a": (100,)}, [300]),
        ({}, [300]),
    ] * 50
    assert cost_of(dynamodb) == [(READ, 100)] + [(WRITE, 25)] * 4


@pytest.mark.parametrize("order", [*itertools.permutations([A, B, END])])
def test_any_order_of_additions_gives_the_same_history(
    add: Adder, order: tuple[History, ...]
) -> None:
    for addition in order:
        add(addition)
    assert times_of(add.stored()) == ({"a": (100,), "b": (200,)}, [300])


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_lost_response_changes_no_history(add: Adder, dynamodb: FakeDynamoDb, lost: int) -> None:
    add(A)
    dynamodb.script(WRITE, *[Lost(CONNECTION_CLOSED)] * lost)
    assert times_of(add(END)) == ({"a": (100,)}, [300])
    dynamodb.script(READ, *[Lost(CONNECTION_CLOSED)] * lost)
    assert times_of(add(B)) == ({"a": (100,), "b": (200,)}, [300])
    assert [w.after["version"]["N"] for w in dynamodb.written] == ["1", "2", "3"]


def test_a_first_event_whose_response_is_lost_is_written_once(
    add: Adder, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.script(WRITE, Lost(CONNECTION_CLOSED))
    assert times_of(add(END)) == ({}, [300])
    assert len(dynamodb.written) == 1


@pytest.mark.parametrize("operation", [WRITE, READ])
@pytest.mark.parametrize(
    "fault",
    [[0], client_error("ThrottlingException"), client_error("Unknown", 500), CONNECTION_CLOSED],
)
def test_additions_are_repeated_after_a_transient_error(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb, operation: str, fault: Any
) -> None:
    add(A)
    dynamodb.script(operation, *[fault] * 3)
    assert times_of(add(END)) == ({"a": (100,)}, [300])
    assert len(clock.pauses) == 3


@pytest.mark.parametrize(
    ("operation", "fault", "error"),
    [
        (WRITE, [0], "ThrottlingError"),
        (WRITE, client_error("AccessDeniedException"), "AccessDeniedException"),
        (WRITE, CONNECTION_CLOSED, "NoAnswer"),
        (READ, [0], "Unread"),
        (READ, CONNECTION_CLOSED, "NoAnswer"),
    ],
)
def test_a_lasting_error_is_reported_and_the_next_attempt_succeeds(
    add: Adder, dynamodb: FakeDynamoDb, operation: str, fault: Any, error: str
) -> None:
    add(A)
    dynamodb.always(operation, fault)
    assert add(END) == Failed(error)
    dynamodb.no_more_faults()
    assert times_of(add(END)) == ({"a": (100,)}, [300])


def test_a_throttled_conversation_does_not_affect_others(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.always(WRITE, [0])
    results = add.histories.add({"throttled": A, "d": A, "e": END}, clock.deadline(5))
    assert results == {"throttled": Failed("ThrottlingError"), "d": A, "e": END}


def test_a_history_that_cannot_be_read_leaves_time_to_write_the_others(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    def read_slowly() -> list[int]:
        clock.sleep(2)
        return [0]

    add.histories.add({"d": B}, clock.deadline(5))
    dynamodb.always(READ, read_slowly)
    results = add.histories.add({"throttled": A, "d": A, "e": END}, clock.deadline(5))
    assert results == {"throttled": Failed("Unread"), "d": A.merged_with(B), "e": END}


def test_without_time_no_history_is_read_or_written(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    assert add(A, seconds=0) == OutOfTime()
    assert add.histories.read(["c"], clock.deadline(0)) == {"c": Failed("Unread")}
    assert dynamodb.calls == []


def test_an_add_that_is_always_overtaken_ends_at_the_deadline(
    add: Adder, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    add(A)
    other = Adder(dynamodb, clock)
    times = itertools.count(1000)
    may_overtake = True

    def overtake() -> None:
        nonlocal may_overtake
        clock.sleep(0.5)
        if may_overtake:
            may_overtake = False
            other(History(queues={"b": (QueueEvent(next(times), "acd.start"),)}))
            may_overtake = True

    dynamodb.always(READ, lambda: None)
    dynamodb.always(WRITE, overtake)
    assert isinstance(add(END), Failed)
    assert 10 <= clock.now < 12
    dynamodb.no_more_faults()
    assert times_of(add(END))[1] == [300]


@pytest.mark.parametrize("when", ["before it is read", "before it is added to"])
def test_an_item_that_is_deleted_meanwhile_is_created_again(
    add: Adder, dynamodb: FakeDynamoDb, when: str
) -> None:
    add(A)
    if when == "before it is read":
        dynamodb.script(READ, dynamodb.items.clear)
    else:
        dynamodb.script(WRITE, dynamodb.items.clear)
    assert times_of(add(END)) == ({}, [300])
    assert times_of(add.stored()) == ({}, [300])


class ConcurrentAdders:
    """Adders that take turns at every call of the table; each start has a new table."""

    def __init__(self, *additions: History, before: History | None = None) -> None:
        self._additions = additions
        self._before = before
        self.dynamodb = FakeDynamoDb()

    def start(self) -> list[Turns]:
        self.dynamodb = FakeDynamoDb()
        if self._before:
            Adder(self.dynamodb, Clock())(self._before)
        turns: list[Turns] = []

        def add_in_turns(number: int, addition: History) -> Turns:
            add = Adder(Stopping(self.dynamodb, turns, number), Clock())
            return Turns(lambda: add(addition))

        turns += [add_in_turns(number, addition) for number, addition in enumerate(self._additions)]
        return turns


@pytest.mark.parametrize("before", [None, B])
def test_at_least_one_of_two_concurrent_additions_results_in_both(before: History | None) -> None:
    runs, adders = 0, ConcurrentAdders(A, END, before=before)
    for merged_histories in interleavings(adders.start):
        runs += 1
        assert any(
            "a" in merged.queues and 300 in merged.customer_ends for merged in merged_histories
        )
        written = Adder(adders.dynamodb, Clock()).stored()
        assert times_of(written) == times_of((before or History()).merged_with(A).merged_with(END))
        assert adders.dynamodb.refused == []
    assert runs == 6


def test_at_least_one_of_three_concurrent_additions_results_in_all() -> None:
    runs = 0
    for merged_histories in interleavings(ConcurrentAdders(A, B, END).start):
        runs += 1
        assert any(
            times_of(merged) == ({"a": (100,), "b": (200,)}, [300]) for merged in merged_histories
        )
    assert runs == 498


def test_an_end_expires_even_if_further_events_extend_the_history(add: Adder, clock: Clock) -> None:
    add(A.merged_with(END))
    for days, ends in [(12, [300]), (19.99, [300]), (20.01, []), (30, [])]:
        clock.now = days * SECONDS_PER_DAY
        later = History(queues={"a": (QueueEvent(int(clock.now * 1000), "acd.start"),)})
        assert times_of(add(later))[1] == ends
    # What the expired customer's end has ended is gone with it.
    assert add.stored().queues["a"][0].at_ms == 12 * SECONDS_PER_DAY * 1000


def test_an_expired_customer_s_end_takes_the_queues_with_it_that_it_ended(
    add: Adder, clock: Clock
) -> None:
    late = History(queues={"b": (QueueEvent(300 + SAME_END_WINDOW_MS, "acw"),)})
    add(A.merged_with(B).merged_with(END).merged_with(late))
    clock.now = 10 * SECONDS_PER_DAY
    recent = History(queues={"b": (QueueEvent(300 + SAME_END_WINDOW_MS + 1, "acd.start"),)})
    add(recent)
    clock.now = 20 * SECONDS_PER_DAY + 1
    bot_alone = History(customer_ends={int(clock.now * 1000): CustomerEnd()})
    merged = add(bot_alone)
    assert isinstance(merged, History)
    assert merged.queues == recent.queues
    assert merged.customer_ends.keys() == bot_alone.customer_ends.keys()
