"""Each domain write is one statement, which DynamoDB executes only if its condition holds."""

from typing import get_args

import pytest

from conversations.history import UNKNOWN_TOPIC, CustomerEnd, History, QueueEvent
from conversations.ledger_store import (
    ChangedHistory,
    EndKey,
    ExtendSpan,
    Mark,
    NewClaim,
    NewHistory,
    SetExpiry,
    Span,
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
CONVERSATION_ID, QUEUE_ID, SECOND_SORT_KEY, HISTORY_SORT_KEY = (
    {"S": value} for value in ("c", "q", "q#2", "#join")
)
HOLDER, FORMER_HOLDER = {"S": "ours"}, {"S": "former"}
CLAIMED, DONE = {"S": "claimed"}, {"S": "done"}
EMPTY_LIST: Value = {"L": []}
BUS: Value = {"L": [{"S": "bus"}]}
HISTORY = History(
    {"q": (QueueEvent(3, UNKNOWN_TOPIC), QueueEvent(5, "user.end", 2, agent_talked=True))},
    {4: CustomerEnd(media_type="VOICE", decided_queue_id="q")},
)
HISTORY_VALUES: list[Value] = [
    {"M": {"q": {"L": [{"N": "3"}, {"N": "5"}]}}},
    {
        "M": {
            "q": {
                "L": [
                    {
                        "L": [
                            {"N": "5"},
                            {"S": "user.end"},
                            {"N": "2"},
                            {"BOOL": True},
                            {"BOOL": False},
                        ]
                    }
                ]
            }
        }
    },
    {
        "M": {
            "4": {
                "M": {
                    "media_type": {"S": "VOICE"},
                    "decided": {"S": "q"},
                    "latest_ms": {"N": "4"},
                    "expires_at": {"N": "9"},
                    "dated": {"BOOL": True},
                    "settling": {"BOOL": False},
                }
            }
        }
    },
]
UPDATE = f'UPDATE "{TABLE}"'
WHERE_KEY = 'WHERE "conversation_id"=? AND "queue_id"=?'

STATEMENTS: list[tuple[Write, str, list[Value]]] = [
    (
        NewClaim(SECOND, "ours", 7, 5, "subscription", 9),
        f"INSERT INTO \"{TABLE}\" VALUE {{'conversation_id': ?, 'queue_id': ?, 'state': ?, "
        "'claimed_by': ?, 'lease_until': ?, 'ended_at': ?, 'delivered': ?, 'source': ?, "
        "'expires_at': ?}",
        [
            CONVERSATION_ID,
            SECOND_SORT_KEY,
            CLAIMED,
            HOLDER,
            {"N": "7"},
            {"N": "5"},
            EMPTY_LIST,
            {"S": "subscription"},
            {"N": "9"},
        ],
    ),
    (
        Takeover(FIRST, "ours", 7, 9, "former", 8),
        f'{UPDATE} SET "claimed_by"=? SET "lease_until"=? SET "expires_at"=? {WHERE_KEY}'
        ' AND "claimed_by"=? AND "state"=? AND "lease_until" < ?',
        [
            HOLDER,
            {"N": "7"},
            {"N": "9"},
            CONVERSATION_ID,
            QUEUE_ID,
            FORMER_HOLDER,
            CLAIMED,
            {"N": "8"},
        ],
    ),
    (
        Mark(FIRST, "ours", 7, ["bus"], done=False),
        f'{UPDATE} SET "delivered"=? SET "lease_until"=? {WHERE_KEY}'
        ' AND "claimed_by"=? AND "lease_until" >= ?',
        [BUS, {"N": "7"}, CONVERSATION_ID, QUEUE_ID, HOLDER, {"N": "7"}],
    ),
    (
        Mark(FIRST, "ours", 0, [], done=True),
        f'{UPDATE} SET "delivered"=? SET "lease_until"=? SET "state"=? {WHERE_KEY}'
        ' AND "claimed_by"=? AND "lease_until" >= ?',
        [EMPTY_LIST, {"N": "0"}, DONE, CONVERSATION_ID, QUEUE_ID, HOLDER, {"N": "0"}],
    ),
    (
        Mark(FIRST, "ours", 0, [], True, Span(3, 5)),
        f'{UPDATE} SET "delivered"=? SET "lease_until"=? SET "state"=? SET "earliest_at"=?'
        f' SET "latest_at"=? {WHERE_KEY} AND "claimed_by"=? AND "lease_until" >= ?',
        [
            EMPTY_LIST,
            {"N": "0"},
            DONE,
            {"N": "3"},
            {"N": "5"},
            CONVERSATION_ID,
            QUEUE_ID,
            HOLDER,
            {"N": "0"},
        ],
    ),
    (
        ExtendSpan(SECOND, Span(3, 5), 0),
        f'{UPDATE} SET "lease_until"=? SET "earliest_at"=? SET "latest_at"=? {WHERE_KEY}'
        ' AND "state"=? AND "lease_until"=?',
        [
            {"N": "-1"},
            {"N": "3"},
            {"N": "5"},
            CONVERSATION_ID,
            SECOND_SORT_KEY,
            DONE,
            {"N": "0"},
        ],
    ),
    (
        SetExpiry(FIRST, 9),
        f'{UPDATE} SET "expires_at"=? {WHERE_KEY}',
        [{"N": "9"}, CONVERSATION_ID, QUEUE_ID],
    ),
    (
        NewHistory("c", HISTORY, 9),
        f"INSERT INTO \"{TABLE}\" VALUE {{'conversation_id': ?, 'queue_id': ?, 'queues': ?, "
        "'events': ?, 'ends': ?, 'version': ?, 'expires_at': ?}",
        [CONVERSATION_ID, HISTORY_SORT_KEY, *HISTORY_VALUES, {"N": "1"}, {"N": "9"}],
    ),
    (
        ChangedHistory("c", HISTORY, 3, 9),
        f'{UPDATE} SET "queues"=? SET "events"=? SET "ends"=? SET "version"=? SET "expires_at"=?'
        f' {WHERE_KEY} AND "version"=?',
        [*HISTORY_VALUES, {"N": "4"}, {"N": "9"}, CONVERSATION_ID, HISTORY_SORT_KEY, {"N": "3"}],
    ),
]


@pytest.mark.parametrize(
    ("write", "partiql", "parameters"),
    STATEMENTS,
    ids=[type(write).__name__ for write, *_ in STATEMENTS],
)
def test_a_write_becomes_partiql_and_typed_parameters(
    write: Write, partiql: str, parameters: list[Value]
) -> None:
    assert make_statement(TABLE, write) == {"Statement": partiql, "Parameters": parameters}


def test_every_write_has_its_statement_in_the_table_above() -> None:
    assert {type(write) for write, _, _ in STATEMENTS} == {*get_args(Write)}


EXPIRED_ITEM: Item = {
    "state": CLAIMED,
    "claimed_by": FORMER_HOLDER,
    "lease_until": {"N": str(NOW - 1)},
}
OUR_ITEM: Item = {"state": CLAIMED, "claimed_by": HOLDER, "lease_until": {"N": "7"}}
TAKEOVER = Takeover(FIRST, "ours", NOW + 31_000, 60, "former", NOW)
MARK = Mark(FIRST, "ours", 7, ["bus"], done=True)
DONE_ITEM: Item = {"state": DONE, "claimed_by": HOLDER, "lease_until": {"N": "0"}}
LAST_MARK = Mark(FIRST, "ours", 0, ["bus"], True, Span(3, 5))
EXTENSION = ExtendSpan(FIRST, Span(3, 6), 0)


@pytest.mark.parametrize(
    ("write", "item", "status"),
    [
        (TAKEOVER, EXPIRED_ITEM, WriteStatus.WRITTEN),
        (TAKEOVER, {**EXPIRED_ITEM, "claimed_by": {"S": "another"}}, WriteStatus.CONDITION_FAILED),
        (TAKEOVER, {**EXPIRED_ITEM, "state": DONE}, WriteStatus.CONDITION_FAILED),
        (TAKEOVER, {**EXPIRED_ITEM, "lease_until": {"N": str(NOW)}}, WriteStatus.CONDITION_FAILED),
        (MARK, OUR_ITEM, WriteStatus.WRITTEN),
        (MARK, {**OUR_ITEM, "claimed_by": FORMER_HOLDER}, WriteStatus.CONDITION_FAILED),
        (MARK, {**OUR_ITEM, "lease_until": {"N": "6"}}, WriteStatus.CONDITION_FAILED),
        (NewClaim(FIRST, "ours", 7, 5, "backfill", 9), EXPIRED_ITEM, WriteStatus.CONDITION_FAILED),
        (EXTENSION, DONE_ITEM, WriteStatus.WRITTEN),
        (EXTENSION, {**DONE_ITEM, "lease_until": {"N": "-1"}}, WriteStatus.CONDITION_FAILED),
        (EXTENSION, {**DONE_ITEM, "state": CLAIMED}, WriteStatus.CONDITION_FAILED),
        (LAST_MARK, DONE_ITEM, WriteStatus.WRITTEN),
        (LAST_MARK, {**DONE_ITEM, "lease_until": {"N": "-1"}}, WriteStatus.CONDITION_FAILED),
    ],
    ids=[
        "a takeover from the current holder",
        "a takeover from another holder",
        "a takeover of an end that is done",
        "a takeover before the lease is over",
        "a mark by the holder",
        "a mark by another invocation",
        "a mark that arrives after a later mark",
        "a new claim although there is an item",
        "an extension of a done end's span",
        "an extension after another extension",
        "an extension of a released end's span",
        "a last mark that is repeated",
        "a last mark that arrives after an extension",
    ],
)
def test_a_write_is_carried_out_only_if_its_condition_holds(
    write: Write, item: Item, status: WriteStatus
) -> None:
    dynamodb = FakeDynamoDb()
    before = {"conversation_id": CONVERSATION_ID, "queue_id": QUEUE_ID, **item}
    dynamodb.items["c", "q"] = before
    table = LedgerTable(dynamodb, TABLE)  # type: ignore[arg-type]
    assert table.write([write], Clock().deadline(1)) == [status]
    assert (dynamodb.items["c", "q"] == before) == (status is WriteStatus.CONDITION_FAILED)
