"""A message passes through exactly the files that docs/architecture.md lists."""

import dataclasses
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.bodies import SAMPLE_TEXT
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import record
from tests.fakes.clock import Clock, VirtualThreads
from tests.fakes.entry_points import WORKER, imported_anew

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "functions"
MAX_FILES = 14
SUPPORT_FILES = {
    *("aws_calls.py", "deadline.py", "logs.py", "metrics.py", "side_by_side.py", "time_limit.py"),
    *("json_text.py", "worker/time_budget.py"),
}
"""Time, threads, logs, metrics, JSON and AWS calls, which do not pass the message on."""
IDLE_FILES = {"intake/sending.py", "worker/intake_queue.py"}
"""Called with the messages to reject and to delay, of which there are none."""


@contextmanager
def files_that_run() -> Iterator[list[str]]:
    """Yield a list that fills with the files of functions/ whose code runs, in order."""
    files: list[str] = []

    def record_file(frame: FrameType, _event: str, _value: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if FUNCTIONS in path.parents:
            name = path.relative_to(FUNCTIONS).as_posix()
            if name not in files:
                files.append(name)

    old_profile = sys.getprofile()
    sys.setprofile(record_file)
    try:
        yield files
    finally:
        sys.setprofile(old_profile)


def test_a_message_passes_through_the_files_that_the_document_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = {"sqs": FakeSqs(), "dynamodb": FakeDynamoDb(), "events": FakeEventBridge()}
    variables = WORKER | {"DESTINATIONS": "actions,bus", "ENDS_BUS": BUS}
    worker = imported_anew("worker", clients, variables, monkeypatch)
    # The destinations run at the same time, but these threads let the bus be first.
    dependencies = dataclasses.replace(
        worker.dependencies, make_threads=lambda: VirtualThreads(Clock())
    )
    monkeypatch.setattr(worker, "dependencies", dependencies)
    with files_that_run() as files:
        response = worker.handler({"Records": [record(SAMPLE_TEXT)]}, Clock().invocation(30))
    assert response == {"batchItemFailures": []}

    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    listed_files = re.findall(r"^\| \d+ \| \[`([\w/.]+)`\]", page, re.MULTILINE)
    assert [file for file in files if file not in SUPPORT_FILES | IDLE_FILES] == listed_files
    assert len(listed_files) <= MAX_FILES
