"""An expected end is known if the ledger has it, even if the times differ."""

from collections.abc import Callable

import pytest

from backfill.expected_ends import ExpectedEnd
from backfill.known_ends import LedgerUnreadable, find_missing, read_spans
from conversations.ledger_store import EndKey, NewClaim, Span
from dynamodb.ledger_table import LedgerTable
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, client_error
from tests.fakes.clock import Clock

MINUTE = 60_000


def expected(
    minutes: float, *, began: float = 0, queue_id: str = "q-1", known_in: tuple[str, ...] = ()
) -> ExpectedEnd:
    at_ms = round(minutes * MINUTE)
    return ExpectedEnd(
        conversation_id="c-1",
        queue_id=queue_id,
        ended_at_ms=at_ms,
        span=Span(at_ms, at_ms),
        began_ms=round(began * MINUTE),
        known_in=frozenset(known_in or (queue_id,)),
        media_type=None,
        direction=None,
        disconnect_type=None,
    )


def span(earliest: float, latest: float | None = None) -> Span:
    last = earliest if latest is None else latest
    return Span(round(earliest * MINUTE), round(last * MINUTE))


@pytest.mark.parametrize(
    ("recorded", "is_known"),
    [
        (span(100), True),
        (span(105), True),
        (span(105.1), False),
        # The conversation was in the queue from minute 50 on.
        (span(60), True),
        (span(45), True),
        (span(44.9), False),
        (span(30, 46), True),
        (span(104, 120), True),
    ],
)
def test_an_end_is_known_if_the_ledger_has_one_of_the_same_stay(
    recorded: Span, *, is_known: bool
) -> None:
    end = expected(100, began=50)
    assert find_missing([end], {"q-1": [recorded]}) == ([] if is_known else [end])


def test_an_end_in_another_queue_is_another_end() -> None:
    end = expected(100)
    assert find_missing([end], {"q-2": [span(100)]}) == [end]


def test_an_end_in_any_queue_of_the_part_counts_if_only_one_is_expected() -> None:
    end = expected(100, known_in=("q-1", "q-2"))
    assert find_missing([end], {"q-2": [span(100)]}) == []


def test_one_record_makes_only_one_of_two_distant_ends_known() -> None:
    first, second = expected(10), expected(30)
    assert find_missing([first, second], {"q-1": [span(10)]}) == [second]
    assert find_missing([first, second], {"q-1": [span(30)]}) == [first]
    assert find_missing([first, second], {"q-1": [span(10), span(21)]}) == []


def test_one_record_makes_all_ends_known_that_it_has_absorbed() -> None:
    ends = [expected(10), expected(18)]
    assert find_missing(ends, {"q-1": [span(11, 17)]}) == []


class Ledger:
    """A ledger in memory with some ends."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dynamodb = FakeDynamoDb()
        self.table = LedgerTable(self.dynamodb, TABLE)  # type: ignore[arg-type]

    def claim(self, sequence: int, minutes: float, conversation_id: str = "c-1") -> None:
        key = EndKey(conversation_id, "q-1", sequence)
        claim = NewClaim(key, "somebody", 1, round(minutes * MINUTE), "eventbridge", 2**40)
        self.table.write([claim], self.clock.deadline(9))

    def read(self, *ends: ExpectedEnd) -> list[Span]:
        spans = read_spans(self.table, ends, self.clock.deadline(9))
        return [*spans.get("c-1", {}).get("q-1", ())]


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(clock)


def test_an_end_that_is_claimed_and_not_done_is_known(ledger: Ledger) -> None:
    ledger.claim(1, 100)
    assert ledger.read(expected(100)) == [span(100)]


def test_later_sequences_are_read_only_after_earlier_ones(ledger: Ledger) -> None:
    for sequence, minutes in enumerate((10, 40, 90), 1):
        ledger.claim(sequence, minutes)
    assert ledger.read(expected(100)) == [span(10), span(40), span(90)]
    read = [call.entries for call in ledger.dynamodb.calls if call.operation == "batch_get_item"]
    assert [len(keys) for keys in read] == [1, 1, 1, 1]


def test_a_conversation_without_items_has_no_spans(ledger: Ledger) -> None:
    assert ledger.read(expected(100)) == []
    assert ledger.dynamodb.count("batch_get_item") == 1


def test_an_item_that_cannot_be_read_is_not_taken_for_a_missing_one(
    ledger: Ledger, make_unreadable: Callable[[FakeDynamoDb], None]
) -> None:
    make_unreadable(ledger.dynamodb)
    with pytest.raises(LedgerUnreadable):
        ledger.read(expected(100))


@pytest.fixture(params=["throttled", "refused"])
def make_unreadable(request: pytest.FixtureRequest) -> Callable[[FakeDynamoDb], None]:
    fault = [0] if request.param == "throttled" else client_error("AccessDeniedException")
    return lambda dynamodb: dynamodb.always("batch_get_item", fault)
