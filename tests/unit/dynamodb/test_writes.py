"""Each write of the domain is one statement, and carried out only if its condition holds."""

from typing import get_args

import pytest

from conversations.history import CustomerEnd, History
from conversations.ledger_store import (
    ChangedHistory,
    EndKey,
    Mark,
    NewClaim,
    NewHistory,
    SetExpiry,
    Takeover,
    Write,
    WriteStatus,
)
from dynamodb.ledger_table import LedgerTable
from dynamodb.writes import make_statement
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Item, Value
from tests.fakes.clock import Clock

FIRST, SECOND = EndKey("c", "q"), EndKey("c", "q", 2)
NOW = 1_000_000
C, Q, Q2, JOIN = ({"S": text} for text in ("c", "q", "q#2", "#join"))
HOLDER, FORMER = {"S": "ours"}, {"S": "former"}
CLAIMED, DONE = {"S": "claimed"}, {"S": "done"}
NONE: Value = {"L": []}
BUS: Value = {"L": [{"S": "bus"}]}
HISTORY = History({"q": (3, 5)}, {4: CustomerEnd(6, media_type="VOICE", decided_queue_id="q")})
HISTORY_VALUES: list[Value] = [
    {"M": {"q": {"L": [{"N": "3"}, {"N": "5"}]}}},
    {
        "M": {
            "4": {
                "M": {
                    "media_type": {"S": "VOICE"},
                    "decided": {"S": "q"},
                    "latest_ms": {"N": "6"},
                    "expires_at": {"N": "9"},
                    "dated": {"BOOL": True},
                    "settling": {"BOOL": False},
                }
            }
        }
    },
]
UPDATE = f'UPDATE "{TABLE}"'
OF_KEY = 'WHERE "conversation_id"=? AND "queue_id"=?'

STATEMENTS: list[tuple[Write, str, list[Value]]] = [
    (
        NewClaim(SECOND, "ours", 7, 5, "subscription", 9),
        f"INSERT INTO \"{TABLE}\" VALUE {{'conversation_id': ?, 'queue_id': ?, 'state': ?, "
        "'claimed_by': ?, 'lease_until': ?, 'ended_at': ?, 'delivered': ?, 'source': ?, "
        "'expires_at': ?}",
        [C, Q2, CLAIMED, HOLDER, {"N": "7"}, {"N": "5"}, NONE, {"S": "subscription"}, {"N": "9"}],
    ),
    (
        Takeover(FIRST, "ours", 7, 9, "former", 8),
        f'{UPDATE} SET "claimed_by"=? SET "lease_until"=? SET "expires_at"=? {OF_KEY}'
        ' AND "claimed_by"=? AND "state"=? AND "lease_until" < ?',
        [HOLDER, {"N": "7"}, {"N": "9"}, C, Q, FORMER, CLAIMED, {"N": "8"}],
    ),
    (
        Mark(FIRST, "ours", 7, ["bus"], done=False),
        f'{UPDATE} SET "delivered"=? SET "lease_until"=? {OF_KEY}'
        ' AND "claimed_by"=? AND "lease_until" >= ?',
        [BUS, {"N": "7"}, C, Q, HOLDER, {"N": "7"}],
    ),
    (
        Mark(FIRST, "ours", 0, [], done=True),
        f'{UPDATE} SET "delivered"=? SET "lease_until"=? SET "state"=? {OF_KEY}'
        ' AND "claimed_by"=? AND "lease_until" >= ?',
        [NONE, {"N": "0"}, DONE, C, Q, HOLDER, {"N": "0"}],
    ),
    (SetExpiry(FIRST, 9), f'{UPDATE} SET "expires_at"=? {OF_KEY}', [{"N": "9"}, C, Q]),
    (
        NewHistory("c", HISTORY, 9),
        f"INSERT INTO \"{TABLE}\" VALUE {{'conversation_id': ?, 'queue_id': ?, 'queues': ?, "
        "'ends': ?, 'version': ?, 'expires_at': ?}",
        [C, JOIN, *HISTORY_VALUES, {"N": "1"}, {"N": "9"}],
    ),
    (
        ChangedHistory("c", HISTORY, 3, 9),
        f'{UPDATE} SET "queues"=? SET "ends"=? SET "version"=? SET "expires_at"=? {OF_KEY}'
        ' AND "version"=?',
        [*HISTORY_VALUES, {"N": "4"}, {"N": "9"}, C, JOIN, {"N": "3"}],
    ),
]


@pytest.mark.parametrize(
    ("write", "text", "parameters"),
    STATEMENTS,
    ids=[type(write).__name__ for write, *_ in STATEMENTS],
)
def test_a_write_has_one_text_and_typed_parameters(
    write: Write, text: str, parameters: list[Value]
) -> None:
    assert make_statement(TABLE, write) == {"Statement": text, "Parameters": parameters}


def test_every_write_has_its_statement_in_the_table_above() -> None:
    assert {type(write) for write, _, _ in STATEMENTS} == {*get_args(Write)}


CLAIM: Item = {"state": CLAIMED, "claimed_by": FORMER, "lease_until": {"N": str(NOW - 1)}}
OURS: Item = {"state": CLAIMED, "claimed_by": HOLDER, "lease_until": {"N": "7"}}
TAKEOVER = Takeover(FIRST, "ours", NOW + 31_000, 60, "former", NOW)
MARK = Mark(FIRST, "ours", 7, ["bus"], done=True)


@pytest.mark.parametrize(
    ("write", "item", "effect"),
    [
        (TAKEOVER, CLAIM, WriteStatus.WRITTEN),
        (TAKEOVER, {**CLAIM, "claimed_by": {"S": "another"}}, WriteStatus.CONDITION_FAILED),
        (TAKEOVER, {**CLAIM, "state": DONE}, WriteStatus.CONDITION_FAILED),
        (TAKEOVER, {**CLAIM, "lease_until": {"N": str(NOW)}}, WriteStatus.CONDITION_FAILED),
        (MARK, OURS, WriteStatus.WRITTEN),
        (MARK, {**OURS, "claimed_by": FORMER}, WriteStatus.CONDITION_FAILED),
        (MARK, {**OURS, "lease_until": {"N": "6"}}, WriteStatus.CONDITION_FAILED),
        (NewClaim(FIRST, "ours", 7, 5, "backfill", 9), CLAIM, WriteStatus.CONDITION_FAILED),
    ],
    ids=[
        "a takeover of the claim that was read",
        "a takeover from another holder",
        "a takeover of an end that is done",
        "a takeover within a lease",
        "a mark of the holder",
        "a mark of another",
        "a mark after a later one",
        "a new claim where there is an item",
    ],
)
def test_a_write_is_carried_out_only_if_its_condition_holds(
    write: Write, item: Item, effect: WriteStatus
) -> None:
    dynamodb = FakeDynamoDb()
    before = {"conversation_id": C, "queue_id": Q, **item}
    dynamodb.items["c", "q"] = before
    table = LedgerTable(dynamodb, TABLE)  # type: ignore[arg-type]
    assert table.write([write], Clock().deadline(1)) == [effect]
    assert (dynamodb.items["c", "q"] == before) == (effect is WriteStatus.CONDITION_FAILED)
