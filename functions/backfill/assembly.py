"""Puts a backfill together, for the watchdog and for the operator's command line."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from backfill.requests import PacedSearch
from backfill.search import Backfill, Send
from deadline import Clock
from details.request_slots import BURST, SLOT_MS
from dynamodb.reads import TableReader
from dynamodb.request_slots import TableSlots
from genesys.client import GenesysClient
from genesys.conversation_search import Page, search_conversations

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def make_backfill(
    log_in: Callable[[], GenesysClient],
    dynamodb: "DynamoDBClient",
    table_name: str,
    *,
    rule: str,
    queue_ids: Sequence[str],
    send: Send | None,
    now_ms: Clock,
) -> Backfill:
    """Return a backfill that shares the request slots in the ledger's table with the worker.

    Parameters
    ----------
    log_in
        Makes the client for the searches. It is called once, before the first request.
    table_name
        The name of the ledger's table.
    rule, queue_ids, send
        As in `Backfill`.
    """
    clients: list[GenesysClient] = []

    def fetch(begin_ms: int, end_ms: int, page_number: int) -> Page:
        if not clients:
            clients.append(log_in())
        return search_conversations(clients[0], queue_ids, begin_ms, end_ms, page_number)

    slots = TableSlots(dynamodb, table_name, slot_ms=SLOT_MS, burst=BURST, now_ms=now_ms)
    reader = TableReader(dynamodb, table_name)
    return Backfill(PacedSearch(fetch, slots, now_ms), reader, rule, queue_ids, send)
