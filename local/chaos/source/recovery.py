"""The backfill of a chaos run: the watchdog finds the ends that were missed."""

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from ledger_keys import BACKFILL_KEY
from local.chaos.source.traffic import Traffic
from local.receivers.receiver import End
from local.runs.watchdog import Watchdog
from local.runs.world import World

MAX_CONVERSATIONS = 10_000
"""About how many conversations the analytics get, so that a search in them does not take long."""
MAX_RUNS = 20
"""The most runs of the watchdog for a backfill."""
CURSOR = {"conversation_id": {"S": BACKFILL_KEY}, "queue_id": {"S": "#recent"}}
"""The key of the item in the ledger's table that says how far the backfill is."""
SEARCHED_UNTIL, PAGE = "searched_until", "page_number"


class Recovery:
    """A backfill of the whole time of the traffic."""

    def __init__(self, world: World, table_name: str, watchdog: Watchdog, traffic: Traffic) -> None:
        self._dynamodb = world.aws.client("dynamodb")
        self._table_name, self._watchdog = table_name, watchdog
        self._analytics, self._traffic = world.genesys.analytics, traffic

    def add_conversations(self, missed: frozenset[End]) -> None:
        """Add the conversations of missed ends to the analytics, and many others."""
        wanted = dict.fromkeys(conversation_id for conversation_id, _ in missed)
        every = dict.fromkeys(event.conversation_id for event in self._traffic.events)
        wanted |= dict.fromkeys(islice(every, MAX_CONVERSATIONS))
        for conversation_id in wanted:
            self._analytics.add(self._traffic.analytics_of(conversation_id), lag_seconds=0)

    def run(self, meanwhile: Callable[[], object]) -> bool:
        """Set the backfill back to the first event, and run it to its end.

        Return whether it came to its end.
        """
        self._watchdog.run(meanwhile)  # makes the cursor
        began_ms = round(time.time() * 1000)
        self._set_back()
        for _ in range(MAX_RUNS):
            self._watchdog.run(meanwhile)
            cursor = self._cursor()
            if not cursor[PAGE] and cursor[SEARCHED_UNTIL] > began_ms - 3_600_000:
                return True
        return False

    def _set_back(self) -> None:
        first_ms = round(self._traffic.start.timestamp() * 1000)
        self._dynamodb.update_item(
            TableName=self._table_name,
            Key=CURSOR,
            UpdateExpression=f"SET {SEARCHED_UNTIL} = :first",
            ExpressionAttributeValues={":first": {"N": str(first_ms)}},
        )

    def _cursor(self) -> dict[str, int]:
        response = self._dynamodb.get_item(TableName=self._table_name, Key=CURSOR)
        item: dict[str, Any] = response.get("Item", {})
        return {name: int(value["N"]) for name, value in item.items() if "N" in value}
