"""A function's entry point imported anew, as Lambda does at a cold start, with fake clients."""

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import boto3
import pytest

from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import TABLE
from tests.fakes.aws.sqs import DEAD, INTAKE

WORKER = {
    "STAGE": "dev",
    "QUEUE_IDS": f"{QUEUE},second-queue",
    "QUEUE_URL": INTAKE,
    "DEAD_LETTER_QUEUE_URL": DEAD,
    "RETRY_DELAY_SECONDS": "30",
    "LEDGER_TABLE": TABLE,
    "LEDGER_DAYS": "20",
    "DESTINATIONS": "actions",
}
"""The worker's environment, as `infra/worker.py` makes it."""


def imported_anew(
    function: str,
    clients: Mapping[str, Any],
    environment: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """Return the module that holds a function's handler, for as long as the test goes on.

    Parameters
    ----------
    function
        Its folder in `functions/`.
    clients
        By service, what `boto3.client` returns, or a maker of it.
    """

    def client(service: str, **options: Any) -> Any:
        made = clients[service]
        return made(service, **options) if callable(made) else made

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "client", client)
    name = f"{function}.handler"
    # Set once so that it is undone, whatever was there before.
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    del sys.modules[name]
    return importlib.import_module(name)
