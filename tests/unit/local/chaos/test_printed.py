"""What a chaos run reads in the emulator's output."""

from collections import Counter
from pathlib import Path

import pytest

from local.chaos.printed import unanswered_rejects
from logs import json_logger
from tests.fakes.aws.sqs_event import record
from worker.messages import Message
from worker.report import BatchReport, Outcome


def test_rejects_without_an_answer_are_found_in_the_log_of_the_worker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [Message.from_record(record("{", f"m-{number}")) for number in range(3)]
    unmoved, unmoved_twice, moved = messages
    failures = [
        Outcome(message, "failed", "dead_letter_queue", "ReadTimeoutError")
        for message in (unmoved, unmoved_twice, unmoved_twice)
    ]

    BatchReport([*failures, Outcome(moved, "rejected", "not_json")]).write_log(json_logger("moves"))

    log_file = tmp_path / "ministack.log"
    log_file.write_text(capsys.readouterr().out)
    assert unanswered_rejects(log_file) == Counter({"m-0": 1, "m-1": 2})
