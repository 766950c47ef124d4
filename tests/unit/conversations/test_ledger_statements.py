"""A takeover demands three things of the item, and each of them alone is enough to refuse it."""

import pytest

from conversations.ledger_statements import EndStatements
from conversations.ledger_table import CONDITION_FAILED, DONE, LedgerTable, Record
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Value
from tests.fakes.clock import Clock

KEY = ("c-1", "q-1")
NOW_MS = 1_000_000


@pytest.mark.parametrize(
    ("differs", "code"),
    [
        ({}, DONE),
        ({"claimed_by": {"S": "somebody else"}}, CONDITION_FAILED),
        ({"state": {"S": "done"}}, CONDITION_FAILED),
        ({"lease_until": {"N": str(NOW_MS)}}, CONDITION_FAILED),
    ],
    ids=["as it was read", "another holder", "done", "a lease that is not over"],
)
def test_a_takeover_demands_what_was_read_and_a_lease_that_is_over(
    differs: dict[str, Value], code: str
) -> None:
    dynamodb = FakeDynamoDb()
    conversation_id, queue_id = KEY
    item = {
        "conversation_id": {"S": conversation_id},
        "queue_id": {"S": queue_id},
        "state": {"S": "claimed"},
        "claimed_by": {"S": "former"},
        "lease_until": {"N": str(NOW_MS - 1)},
    }
    dynamodb.items[KEY] = {**item, **differs}
    ours = EndStatements(TABLE, "ours", NOW_MS + 31_000, 60, lambda: NOW_MS)
    read = Record(done=False, claimed_by="former", lease_until=NOW_MS - 1, ended_at=0, delivered=())
    table = LedgerTable(dynamodb, TABLE)  # type: ignore[arg-type]
    assert table.write([ours.take_over(KEY, read)], Clock().deadline(1)) == [code]
