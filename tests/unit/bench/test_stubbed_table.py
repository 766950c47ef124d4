"""The benchmark's table carries out the worker's statements, and bills them as AWS does."""

import json
from typing import Any

import pytest

from bench.world.table import StubbedTable, item_bytes
from conversations.ledger_store import EndKey, Mark, NewClaim, Write
from dynamodb.writes import make_statement

KEY = EndKey("c-1", "q-1")
CLAIM = NewClaim(KEY, "me", 2_000, 1_000, "subscription", 9_000)


def execute(table: StubbedTable, *writes: Write) -> list[dict[str, Any]]:
    statements = [make_statement("Ledger", write) for write in writes]
    body = json.dumps({"Statements": statements}).encode()
    responses: list[dict[str, Any]] = table.answer("BatchExecuteStatement", body)["Responses"]
    return responses


@pytest.fixture
def table() -> StubbedTable:
    return StubbedTable(("conversation_id", "queue_id"))


def test_a_claim_and_its_mark_cost_two_write_units(table: StubbedTable) -> None:
    assert execute(table, CLAIM) == [{}]
    assert execute(table, Mark(KEY, "me", 0, ["actions"], done=True)) == [{}]

    (item,) = table.items.values()
    assert item["state"] == {"S": "done"}
    assert table.write_units == 2


def test_a_refused_statement_costs_a_write_unit_and_changes_nothing(table: StubbedTable) -> None:
    execute(table, CLAIM)
    before = dict(table.items)

    codes = [
        response["Error"]["Code"]
        for write in (CLAIM, Mark(KEY, "another", 0, [], done=True))
        for response in execute(table, write)
    ]

    assert codes == ["DuplicateItem", "ConditionalCheckFailed"]
    assert table.items == before
    assert table.write_units == 3


def test_an_item_above_a_kilobyte_costs_more_units(table: StubbedTable) -> None:
    delivered = ["x" * 1000, "y" * 1000]

    execute(table, CLAIM)
    execute(table, Mark(KEY, "me", 1_999, delivered, done=False))
    execute(table, Mark(KEY, "me", 0, [], done=True))

    assert table.write_units == 1 + 3 + 3


def test_each_key_that_is_read_costs_a_read_unit(table: StubbedTable) -> None:
    execute(table, CLAIM)
    (item,) = table.items.values()
    keys = [
        {"conversation_id": {"S": conversation}, "queue_id": {"S": "q-1"}}
        for conversation in ("c-1", "c-2")
    ]

    body = json.dumps({"RequestItems": {"Ledger": {"Keys": keys}}}).encode()
    response = table.answer("BatchGetItem", body)

    assert response["Responses"] == {"Ledger": [item]}
    assert table.read_units == 2


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "ü"}, 2),
        ({"N": "1795428000000"}, 4 + 1),
        ({"BOOL": True}, 1),
        ({"L": [{"S": "abc"}]}, 3 + 1 + 3),
        ({"M": {"ab": {"S": "c"}}}, 3 + 1 + 2 + 1),
    ],
)
def test_a_value_has_the_size_that_aws_bills(value: dict[str, Any], size: int) -> None:
    assert item_bytes({"name": value}) == len("name") + size
