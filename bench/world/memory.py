"""AWS in memory: a client without botocore."""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.world.invocation import LEDGER_TABLE
from bench.world.table import StubbedTable

_WRITTEN = {"TableName": LEDGER_TABLE}
_EVENT_PUT = {"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}


class MemoryAws:
    """A client for every service, which answers at once as if everything succeeded.

    It keeps no items, so that it takes no longer the more there are.

    Attributes
    ----------
    calls
        How often each operation was called.
    table
        Carries out PartiQL statements. Without it, all of them succeed.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.table: StubbedTable | None = None
        self._lock = threading.Lock()

    def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self._count("BatchExecuteStatement")
        if self.table:
            body = json.dumps({"Statements": Statements}).encode()
            return self.table.answer("BatchExecuteStatement", body)
        return {"Responses": [_WRITTEN] * len(Statements)}

    def put_events(self, *, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self._count("PutEvents")
        return {"FailedEntryCount": 0, "Entries": [_EVENT_PUT] * len(Entries)}

    def put_item(self, **_: Any) -> dict[str, Any]:
        self._count("PutItem")
        return {}

    def update_item(self, **_: Any) -> dict[str, Any]:
        self._count("UpdateItem")
        return {}

    def _count(self, operation: str) -> None:
        with self._lock:
            self.calls[operation] += 1
