"""The ledger table groups, repeats and reports its writes and reads."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from conversations.failures import Failed, OutOfTime
from conversations.ledger_store import (
    Absent,
    EndKey,
    Mark,
    NewClaim,
    RecordedEnd,
    Span,
    WriteStatus,
)
from dynamodb.ledger_table import LedgerTable
from dynamodb.reads import UNREAD
from dynamodb.writes import NO_ANSWER, Statement, make_statement
from side_by_side import Runner, SideBySide, run_in_turn
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Clock

WRITE, READ = "batch_execute_statement", "batch_get_item"
WRITTEN, CONDITION_FAILED = WriteStatus.WRITTEN, WriteStatus.CONDITION_FAILED
TRANSIENT_ERRORS = [
    client_error("ThrottlingException"),
    client_error("ProvisionedThroughputExceededException"),
    client_error("RequestLimitExceeded"),
    client_error("InternalServerError", 500),
    client_error("Whatever", 503),
    client_error("Whatever", 429),
    EndpointConnectionError(endpoint_url="(somewhere)"),
    ReadTimeoutError(endpoint_url="(somewhere)"),
    TimeoutError(),
]


@pytest.fixture
def dynamodb() -> FakeDynamoDb:
    return FakeDynamoDb()


@pytest.fixture
def table(dynamodb: FakeDynamoDb) -> LedgerTable:
    return LedgerTable(dynamodb, TABLE)  # type: ignore[arg-type]


def new_claim(conversation_id: str, holder: str = "me") -> NewClaim:
    return NewClaim(EndKey(conversation_id, "q"), holder, 7, 5, "subscription", 9)


def mark(conversation_id: str, holder: str = "me") -> Mark:
    return Mark(EndKey(conversation_id, "q"), holder, 6, ["bus"], False)


def keys(count: int) -> list[EndKey]:
    return [EndKey(f"c-{n}", "q") for n in range(count)]


def call_sizes(dynamodb: FakeDynamoDb) -> list[int]:
    return [len(call.entries) for call in dynamodb.calls]


@pytest.mark.parametrize(
    ("count", "calls"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1]), (100, [25] * 4)]
)
def test_writes_go_in_calls_of_25(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, count: int, calls: list[int]
) -> None:
    results = table.write([new_claim(f"c-{n}") for n in range(count)], clock.deadline(10))
    assert results == [WRITTEN] * count
    assert call_sizes(dynamodb) == calls
    assert set(dynamodb.items) == {(f"c-{n}", "q") for n in range(count)}


@pytest.mark.parametrize(("count", "calls"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1])])
def test_reads_go_in_calls_of_100(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, count: int, calls: list[int]
) -> None:
    assert table.read_ends(keys(count), clock.deadline(10)) == dict.fromkeys(keys(count), Absent())
    assert call_sizes(dynamodb) == calls


def test_each_statement_has_a_result_of_its_own(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    table.write([new_claim("there")], clock.deadline(10))
    results = table.write(
        [
            new_claim("there"),
            mark("not there"),
            new_claim("new"),
            new_claim("x" * 2049),
            new_claim(""),
        ],
        clock.deadline(10),
    )
    assert results == [
        CONDITION_FAILED,
        CONDITION_FAILED,
        WRITTEN,
        *[Failed("ValidationError")] * 2,
    ]
    results = table.write([mark("there", "another"), mark("new")], clock.deadline(10))
    assert results == [CONDITION_FAILED, WRITTEN]
    assert len(dynamodb.calls) == 3


def test_an_end_is_read_as_it_was_written(table: LedgerTable, clock: Clock) -> None:
    for write in (new_claim("c-1"), mark("c-1")):
        table.write([write], clock.deadline(10))
    none, end = table.read_ends(keys(2), clock.deadline(10)).values()
    assert none == Absent()
    assert end == RecordedEnd(
        "me", lease_until=6, ended_at=5, done=False, delivered=("bus",), span=Span(5, 5)
    )


def test_an_ends_attempts_for_details_outlast_a_later_mark(
    table: LedgerTable, clock: Clock
) -> None:
    for write in (new_claim("c-0"), mark("c-0")._replace(details_attempts=2), mark("c-0")):
        assert table.write([write], clock.deadline(10)) == [WRITTEN]
    (end,) = table.read_ends(keys(1), clock.deadline(10)).values()
    assert isinstance(end, RecordedEnd)
    assert end.details_attempts == 2


def test_only_throttled_statements_are_sent_again(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    dynamodb.script(WRITE, [1, 3], None, [0])
    results = table.write([new_claim(f"c-{n}") for n in range(30)], clock.deadline(10))
    assert results == [WRITTEN] * 30
    assert call_sizes(dynamodb) == [25, 5, 2, 1]
    assert len(dynamodb.written) == 30


def test_only_unprocessed_keys_are_read_again(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    table.write([new_claim(f"c-{n}") for n in range(3)], clock.deadline(10))
    dynamodb.calls.clear()
    dynamodb.script(READ, [0, 2], [1])
    ends = table.read_ends(keys(4), clock.deadline(10))
    assert [isinstance(ends[key], RecordedEnd) for key in keys(4)] == [True] * 3 + [False]
    assert ends[keys(4)[3]] == Absent()
    assert call_sizes(dynamodb) == [4, 2, 1]


@pytest.mark.parametrize("error", TRANSIENT_ERRORS, ids=repr)
def test_a_call_with_a_transient_error_is_repeated(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, error: BaseException
) -> None:
    dynamodb.script(WRITE, error, error)
    dynamodb.script(READ, error)
    assert table.write([new_claim("c-0")], clock.deadline(10)) == [WRITTEN]
    assert isinstance(table.read_ends(keys(1), clock.deadline(10))[keys(1)[0]], RecordedEnd)
    assert len(dynamodb.calls) == 5


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_write_that_cannot_succeed_is_attempted_once(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, code: str
) -> None:
    dynamodb.always(WRITE, client_error(code))
    assert (
        table.write([new_claim("c-0"), new_claim("c-1")], clock.deadline(10)) == [Failed(code)] * 2
    )
    assert len(dynamodb.calls) == 1


@pytest.mark.parametrize("error", TRANSIENT_ERRORS, ids=repr)
def test_a_write_whose_response_was_lost_is_repeated(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, error: BaseException
) -> None:
    dynamodb.script(WRITE, Lost(error))
    assert (
        table.write([new_claim("c-0"), new_claim("c-1")], clock.deadline(10))
        == [CONDITION_FAILED] * 2
    )
    dynamodb.script(WRITE, Lost(error))
    assert table.write([mark("c-0")], clock.deadline(10)) == [WRITTEN]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("ThrottlingException"), "ThrottlingException"),
        (client_error("Whatever", 500), NO_ANSWER),
        (EndpointConnectionError(endpoint_url="(somewhere)"), NO_ANSWER),
    ],
)
def test_attempts_end_at_the_deadline_and_report_the_reason(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, error: BotoCoreError, code: str
) -> None:
    dynamodb.always(WRITE, error)
    dynamodb.always(READ, error)
    assert (
        table.write([new_claim(f"c-{n}") for n in range(30)], clock.deadline(3))
        == [Failed(code)] * 30
    )
    assert 1 < clock.now <= 3
    unread_ends = dict.fromkeys(keys(30), Failed(code))
    assert table.read_ends(keys(30), clock.deadline(3)) == unread_ends
    assert 4 < clock.now <= 6
    # Pauses grow, so that retries do not overload the table further.
    assert len(dynamodb.calls) < 50
    assert max(clock.pauses) <= 1


def test_a_read_that_dynamodb_refuses_reports_the_code_and_is_not_repeated(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    """Without access to the table's KMS key, for example."""
    dynamodb.always(READ, client_error("AccessDeniedException"))
    assert table.read_ends(keys(1), clock.deadline(3)) == {
        keys(1)[0]: Failed("AccessDeniedException")
    }
    assert clock.pauses == []


def test_pauses_differ_and_grow(table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock) -> None:
    dynamodb.always(WRITE, client_error("ThrottlingException"))
    for _ in range(2):
        table.write([new_claim("c-0")], clock.deadline(20))
    half = len(clock.pauses) // 2
    assert clock.pauses[:half] != clock.pauses[half : 2 * half]
    assert max(clock.pauses[:2]) <= 0.1
    assert min(clock.pauses[6:10]) >= 0.5


def abandon_all(*_: object) -> Iterator[tuple[int, Any]]:
    return iter(())


@pytest.mark.parametrize("run", [run_in_turn, SideBySide(), abandon_all])
@pytest.mark.parametrize("count", [1, 150])
def test_without_time_the_ledger_table_is_not_called(
    dynamodb: FakeDynamoDb, clock: Clock, run: Runner, count: int
) -> None:
    table = LedgerTable(dynamodb, TABLE, run)  # type: ignore[arg-type]
    claims = [new_claim(f"c-{n}") for n in range(count)]
    assert table.write(claims, clock.deadline(0)) == [OutOfTime()] * count
    unread_ends = dict.fromkeys(keys(count), Failed(UNREAD))
    assert table.read_ends(keys(count), clock.deadline(0)) == unread_ends
    assert dynamodb.calls == []


def test_statements_executed_before_the_deadline_are_reported_written(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    slow_calls: list[Callable[[], None]] = [lambda: clock.sleep(1), lambda: clock.sleep(2)]
    dynamodb.script(WRITE, *slow_calls)
    results = table.write([new_claim(f"c-{n}") for n in range(75)], clock.deadline(3))
    assert results == [WRITTEN] * 50 + [OutOfTime()] * 25


def test_running_out_of_time_after_throttling_is_reported_as_throttling(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    def throttle() -> Any:
        clock.sleep(5)
        return client_error("ThrottlingException")

    dynamodb.script(WRITE, throttle)
    results = table.write([new_claim(f"c-{n}") for n in range(30)], clock.deadline(3))
    assert results == [Failed("ThrottlingException")] * 30


@pytest.mark.parametrize("responses", [[], [{}, {}]])
def test_a_response_with_another_number_of_statements_counts_as_no_answer(
    clock: Clock, responses: list[dict[str, Any]]
) -> None:
    class BrokenClient:
        def batch_execute_statement(self, **_: Any) -> dict[str, Any]:
            return {"Responses": responses}

    broken_table = LedgerTable(BrokenClient(), TABLE)  # type: ignore[arg-type]
    assert broken_table.write([new_claim("c-0")], clock.deadline(1)) == [Failed(NO_ANSWER)]


NEW, MARK = make_statement(TABLE, new_claim("c")), make_statement(TABLE, mark("c"))


def change_statement(
    original: Statement, old: str, new: str, *more_parameters: dict[str, str]
) -> Statement:
    """Return a statement with changed PartiQL and additional parameters."""
    partiql = original["Statement"].replace(old, new)
    return {"Statement": partiql, "Parameters": [*original["Parameters"], *more_parameters]}


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [make_statement(TABLE, new_claim(f"c-{n}")) for n in range(26)],
        [NEW, MARK],
        [NEW, {"Statement": 'SELECT * FROM "T" WHERE "x"=?', "Parameters": [{"S": "x"}]}],
        [change_statement(NEW, TABLE, "another")],
        [{**NEW, "Parameters": NEW["Parameters"][1:]}],
        [
            change_statement(
                MARK, '"lease_until" >= ?', '"lease_until" >= ? OR "state"=?', {"S": "x"}
            )
        ],
        [change_statement(MARK, '"claimed_by"', '"queue_id"')],
        [change_statement(MARK, '"conversation_id"', '"x"')],
        [{**MARK, "Parameters": [{"N": "seven"}, *MARK["Parameters"][1:]]}],
    ],
)
def test_the_table_in_memory_refuses_statements_that_dynamodb_refuses(
    dynamodb: FakeDynamoDb, statements: list[Statement]
) -> None:
    with pytest.raises((ClientError, BotoCoreError)):
        dynamodb.batch_execute_statement(Statements=statements)
    assert len(dynamodb.refused) == 1
    assert dynamodb.items == {}


@pytest.mark.parametrize(
    ("requested_keys", "consistent"),
    [(keys(101), True), (keys(1) * 2, True), (keys(1), False), ([], True)],
)
def test_the_table_in_memory_refuses_reads_that_dynamodb_refuses_or_that_are_inconsistent(
    dynamodb: FakeDynamoDb, requested_keys: list[EndKey], consistent: bool
) -> None:
    key_attributes = [
        {"conversation_id": {"S": c}, "queue_id": {"S": q}} for c, q, _ in requested_keys
    ]
    with pytest.raises((ClientError, BotoCoreError)):
        dynamodb.batch_get_item(
            RequestItems={TABLE: {"Keys": key_attributes, "ConsistentRead": consistent}}
        )
    assert len(dynamodb.refused) == 1
