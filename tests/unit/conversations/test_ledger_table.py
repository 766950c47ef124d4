"""Statements and reads of the ledger's table: batched, repeated while there is time, explained."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from conversations.ledger_table import (
    CONDITION_FAILED,
    DONE,
    DUPLICATE,
    NO_ANSWER,
    NO_TIME,
    Key,
    LedgerTable,
    Statement,
)
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Clock

WRITE, READ = "batch_execute_statement", "batch_get_item"
PASSING = [
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


def insert(conversation_id: str, holder: str = "me") -> Statement:
    values: dict[str, dict[str, Any]] = {
        "conversation_id": {"S": conversation_id},
        "queue_id": {"S": "q"},
        "state": {"S": "claimed"},
        "claimed_by": {"S": holder},
        "lease_until": {"N": "7"},
        "ended_at": {"N": "5"},
        "delivered": {"L": [{"S": "bus"}]},
    }
    fields = ", ".join(f"'{name}': ?" for name in values)
    return Statement(f'INSERT INTO "{TABLE}" VALUE {{{fields}}}', [*values.values()])


def update(conversation_id: str, holder: str = "me") -> Statement:
    where = '"conversation_id"=? AND "queue_id"=? AND "claimed_by"=?'
    return Statement(
        f'UPDATE "{TABLE}" SET "lease_until"=? WHERE {where}',  # noqa: S608 - for a fake
        [{"N": "0"}, {"S": conversation_id}, {"S": "q"}, {"S": holder}],
    )


def keys(count: int) -> list[Key]:
    return [(f"c-{n}", "q") for n in range(count)]


def sizes(dynamodb: FakeDynamoDb) -> list[int]:
    return [len(call.entries) for call in dynamodb.calls]


@pytest.mark.parametrize(
    ("count", "calls"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1]), (100, [25] * 4)]
)
def test_writes_go_in_twenty_fives(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, count: int, calls: list[int]
) -> None:
    codes = table.write([insert(f"c-{n}") for n in range(count)], clock.deadline(10))
    assert codes == [DONE] * count
    assert sizes(dynamodb) == calls
    assert set(dynamodb.items) == set(keys(count))


@pytest.mark.parametrize(("count", "calls"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1])])
def test_reads_go_in_hundreds(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, count: int, calls: list[int]
) -> None:
    assert table.read(keys(count), clock.deadline(10)) == dict.fromkeys(keys(count))
    assert sizes(dynamodb) == calls


def test_each_statement_has_a_code_of_its_own(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    table.write([insert("there")], clock.deadline(10))
    codes = table.write(
        [insert("there"), update("not there"), insert("new"), insert("x" * 2049), insert("")],
        clock.deadline(10),
    )
    assert codes == [DUPLICATE, CONDITION_FAILED, DONE, *["ValidationError"] * 2]
    codes = table.write([update("there", "another"), update("new")], clock.deadline(10))
    assert codes == [CONDITION_FAILED, DONE]
    assert len(dynamodb.calls) == 3


def test_a_record_is_read_as_it_was_written(table: LedgerTable, clock: Clock) -> None:
    table.write([insert("c-1")], clock.deadline(10))
    records = table.read([("c-0", "q"), ("c-1", "q")], clock.deadline(10))
    assert records[("c-0", "q")] is None
    record = records[("c-1", "q")]
    assert record
    assert (record.done, record.claimed_by, record.lease_until) == (False, "me", 7)
    assert (record.ended_at, record.delivered) == (5, ("bus",))


def test_only_throttled_statements_are_sent_again(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    dynamodb.script(WRITE, [1, 3], None, [0])
    codes = table.write([insert(f"c-{n}") for n in range(30)], clock.deadline(10))
    assert codes == [DONE] * 30
    assert sizes(dynamodb) == [25, 5, 2, 1]
    assert len(dynamodb.written) == 30


def test_only_unprocessed_keys_are_read_again(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    table.write([insert(f"c-{n}") for n in range(3)], clock.deadline(10))
    dynamodb.calls.clear()
    dynamodb.script(READ, [0, 2], [1])
    records = table.read(keys(4), clock.deadline(10))
    assert [records[key] is not None for key in keys(4)] == [True] * 3 + [False]
    assert sizes(dynamodb) == [4, 2, 1]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_passing_error_is_tried_again(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, error: BaseException
) -> None:
    dynamodb.script(WRITE, error, error)
    dynamodb.script(READ, error)
    assert table.write([insert("c-0")], clock.deadline(10)) == [DONE]
    assert table.read(keys(1), clock.deadline(10))[("c-0", "q")] is not None
    assert len(dynamodb.calls) == 5


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_write_that_cannot_succeed_is_tried_once(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, code: str
) -> None:
    dynamodb.always(WRITE, client_error(code))
    assert table.write([insert("c-0"), insert("c-1")], clock.deadline(10)) == [code] * 2
    assert len(dynamodb.calls) == 1


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_write_whose_answer_was_lost_tells_its_effect_when_repeated(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, error: BaseException
) -> None:
    dynamodb.script(WRITE, Lost(error))
    assert table.write([insert("c-0"), insert("c-1")], clock.deadline(10)) == [DUPLICATE] * 2
    dynamodb.script(WRITE, Lost(error))
    assert table.write([update("c-0")], clock.deadline(10)) == [DONE]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("ThrottlingException"), "ThrottlingException"),
        (client_error("Whatever", 500), NO_ANSWER),
        (EndpointConnectionError(endpoint_url="(somewhere)"), NO_ANSWER),
    ],
)
def test_tries_end_with_the_deadline_and_tell_the_reason(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock, error: BotoCoreError, code: str
) -> None:
    dynamodb.always(WRITE, error)
    dynamodb.always(READ, error)
    assert table.write([insert(f"c-{n}") for n in range(30)], clock.deadline(3)) == [code] * 30
    assert 1 < clock.now <= 3
    assert table.read(keys(30), clock.deadline(3)) == {}
    assert 4 < clock.now <= 6
    # Pauses grow, so that what is overloaded is not asked the more for it.
    assert len(dynamodb.calls) < 50
    assert max(clock.pauses) <= 1


def test_pauses_differ_and_grow(table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock) -> None:
    dynamodb.always(WRITE, client_error("ThrottlingException"))
    for _ in range(2):
        table.write([insert("c-0")], clock.deadline(20))
    half = len(clock.pauses) // 2
    assert clock.pauses[:half] != clock.pauses[half : 2 * half]
    assert max(clock.pauses[:2]) <= 0.1
    assert min(clock.pauses[6:10]) >= 0.5


def test_without_time_the_ledger_is_not_asked(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    assert table.write([insert("c-0")], clock.deadline(0)) == [NO_TIME]
    assert table.read(keys(1), clock.deadline(0)) == {}
    assert dynamodb.calls == []


def test_statements_done_before_time_ran_out_are_reported_done(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    passing: list[Callable[[], None]] = [lambda: clock.sleep(1), lambda: clock.sleep(2)]
    dynamodb.script(WRITE, *passing)
    codes = table.write([insert(f"c-{n}") for n in range(75)], clock.deadline(3))
    assert codes == [DONE] * 50 + [NO_TIME] * 25


def test_running_out_of_time_after_throttling_is_reported_as_throttling(
    table: LedgerTable, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    def throttle() -> Any:
        clock.sleep(5)
        return client_error("ThrottlingException")

    dynamodb.script(WRITE, throttle)
    codes = table.write([insert(f"c-{n}") for n in range(30)], clock.deadline(3))
    assert codes == ["ThrottlingException"] * 30


@pytest.mark.parametrize("answered", [[], [{}, {}]])
def test_an_answer_with_another_number_of_statements_counts_as_none(
    clock: Clock, answered: list[dict[str, Any]]
) -> None:
    class Odd:
        def batch_execute_statement(self, **_: Any) -> dict[str, Any]:
            return {"Responses": answered}

    odd = LedgerTable(Odd(), TABLE)  # type: ignore[arg-type]
    assert odd.write([insert("c-0")], clock.deadline(1)) == [NO_ANSWER]


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [insert(f"c-{n}") for n in range(26)],
        [insert("c"), update("c")],
        [insert("c"), Statement('SELECT * FROM "T" WHERE "x"=?', [{"S": "x"}])],
        [Statement(insert("c").text.replace(TABLE, "another"), insert("c").parameters)],
        [Statement(insert("c").text, insert("c").parameters[1:])],
        [Statement(update("c").text + ' OR "state"=?', [*update("c").parameters, {"S": "x"}])],
        [Statement(update("c").text.replace("claimed_by", "queue_id"), update("c").parameters)],
        [Statement(update("c").text.replace("conversation_id", "x"), update("c").parameters)],
        [Statement(update("c").text, [{"N": "seven"}, *update("c").parameters[1:]])],
    ],
)
def test_the_table_in_memory_refuses_statements_that_dynamodb_refuses(
    dynamodb: FakeDynamoDb, statements: list[Statement]
) -> None:
    calls = [{"Statement": each.text, "Parameters": [*each.parameters]} for each in statements]
    with pytest.raises((ClientError, BotoCoreError)):
        dynamodb.batch_execute_statement(Statements=calls)
    assert len(dynamodb.refused) == 1
    assert dynamodb.items == {}


@pytest.mark.parametrize(
    ("asked", "consistent"), [(keys(101), True), (keys(1) * 2, True), (keys(1), False), ([], True)]
)
def test_the_table_in_memory_refuses_reads_that_dynamodb_or_a_claim_refuses(
    dynamodb: FakeDynamoDb, asked: list[Key], consistent: bool
) -> None:
    wanted = [{"conversation_id": {"S": c}, "queue_id": {"S": q}} for c, q in asked]
    with pytest.raises((ClientError, BotoCoreError)):
        dynamodb.batch_get_item(
            RequestItems={TABLE: {"Keys": wanted, "ConsistentRead": consistent}}
        )
    assert len(dynamodb.refused) == 1
