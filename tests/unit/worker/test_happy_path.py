"""The files that a message passes through are those that docs/architecture.md lists, no more."""

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
from tests.fakes.clock import Clock
from tests.fakes.entry_points import WORKER, imported_anew

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "functions"
MOST_FILES = 14
ASIDE = {"aws_calls.py", "deadline.py", "logs.py", "metrics.py", "worker/time_budget.py"}
"""Time, logs, metrics and calls of AWS: they carry the message nowhere."""
NOTHING_TO_DO = {"worker/intake_queue.py"}
"""Called with the messages to reject and to delay: there are none."""


@contextmanager
def files_that_run() -> Iterator[list[str]]:
    """Give the files of functions/ in which code runs, in the order in which they begin."""
    files: list[str] = []

    def note(frame: FrameType, _event: str, _value: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if FUNCTIONS in path.parents:
            name = path.relative_to(FUNCTIONS).as_posix()
            if name not in files:
                files.append(name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(before)


def test_a_message_passes_through_the_files_that_the_document_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = {"sqs": FakeSqs(), "dynamodb": FakeDynamoDb(), "events": FakeEventBridge()}
    variables = WORKER | {"DESTINATIONS": "actions,bus", "ENDS_BUS": BUS}
    handler = imported_anew("worker", clients, variables, monkeypatch).handler
    with files_that_run() as files:
        answer = handler({"Records": [record(SAMPLE_TEXT)]}, Clock().invocation(30))
    assert answer == {"batchItemFailures": []}

    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \d+ \| \[`([\w/.]+)`\]", page, re.MULTILINE)
    assert [file for file in files if file not in ASIDE | NOTHING_TO_DO] == listed
    assert len(listed) <= MOST_FILES
