"""`dlq ls`, `show`, `redrive` and `drop`: what they print, and what they do to the queues."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.errors import Status
from tests.fakes.aws.queues import FakeLogs, FakeQueues, failure_line, text
from tests.fakes.aws.sqs import DEAD, INTAKE, client_error
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import UNDELIVERED, DeployedStack


def test_dlq_ls_groups_letters_by_reason_and_error(
    dlq: Ops, queues: FakeQueues, worker_log: FakeLogs
) -> None:
    rejected = [queues.put_rejected("{", "not_json", "no JSON") for _ in range(12)]
    exhausted = queues.put_exhausted("{}")
    worker_log.lines = [
        failure_line(exhausted, "destination", "first error"),
        "no JSON",
        failure_line(exhausted, "destination", "last error"),
    ]

    groups = dlq.run_json("dlq", "ls")

    assert [(g["reason"], g["error"], g["count"], g["ids"]) for g in groups] == [
        ("not_json", "no JSON", 12, rejected),
        ("receives_exhausted", "destination: last error", 1, [exhausted]),
    ]
    assert queues.hidden(DEAD) == 0


def test_dlq_ls_shows_no_body_and_no_control_character(dlq: Ops, queues: FakeQueues) -> None:
    queues.put_rejected("a secret", "not_json", "\x1b[31mred")

    output = dlq.run("dlq", "ls").stdout

    assert "not_json" in output
    assert "secret" not in output
    assert "\x1b" not in output


def test_a_redriven_letter_that_fails_again_is_exhausted(dlq: Ops, queues: FakeQueues) -> None:
    queues.put_exhausted("{}", {"reason": text("not_json")})

    (group,) = dlq.run_json("dlq", "ls")

    assert group["reason"] == "receives_exhausted"


def test_dlq_ls_without_access_to_the_log_says_so(
    dlq: Ops, queues: FakeQueues, worker_log: FakeLogs
) -> None:
    queues.put_exhausted("{}")
    worker_log.error = client_error("AccessDeniedException", "FilterLogEvents")

    result = dlq.run("dlq", "ls")

    assert result.exit_code == Status.OK
    assert "cannot be read" in result.stderr


def test_dlq_ls_says_how_many_letters_somebody_else_hides(dlq: Ops, queues: FakeQueues) -> None:
    for _ in range(2):
        queues.put_rejected("{", "not_json")
    queues.receive_message(QueueUrl=DEAD, MaxNumberOfMessages=1, VisibilityTimeout=30)

    result = dlq.run("dlq", "ls")

    assert "1 messages of the dead-letter queue are hidden" in result.stderr
    assert queues.hidden(DEAD) == 1


def test_dlq_ls_reads_on_after_an_empty_answer(dlq: Ops, queues: FakeQueues) -> None:
    queues.put_rejected("{", "not_json")
    receive = queues.receive_message
    answers: Iterator[dict[str, Any]] = iter([{}, {}])
    queues.receive_message = lambda **p: next(answers, None) or receive(**p)  # type: ignore[method-assign]

    assert [group["count"] for group in dlq.run_json("dlq", "ls")] == [1]


def test_letters_are_visible_again_after_an_error(dlq: Ops, queues: FakeQueues) -> None:
    for _ in range(15):
        queues.put_rejected("{", "not_json")

    def fail(operation: str) -> None:
        if operation == "ReceiveMessage" and queues.calls[operation] == 2:
            raise client_error("AccessDenied", operation)

    queues.before = fail

    assert dlq.run("dlq", "ls").exit_code == Status.UNAVAILABLE
    assert queues.hidden(DEAD) == 0


def test_letters_are_visible_again_after_ctrl_c(dlq: Ops, queues: FakeQueues) -> None:
    for _ in range(15):
        queues.put_rejected("{", "not_json")

    def interrupt(operation: str) -> None:
        if operation == "ReceiveMessage" and queues.calls[operation] == 2:
            raise KeyboardInterrupt

    queues.before = interrupt

    assert dlq.run("dlq", "ls").exit_code == 130
    assert queues.hidden(DEAD) == 0


def test_dlq_show_has_the_body_and_the_conversation(dlq: Ops, queues: FakeQueues) -> None:
    conversation = "0f8fad5b-d9cb-469f-a165-70867728950e"
    body = json.dumps({"detail": {"conversationId": conversation}})
    shown = queues.put_rejected(body, "missing_queue")
    queues.put_rejected("another", "not_json")

    (letter,) = dlq.run_json("dlq", "show", shown)

    assert (letter["body"], letter["conversation_id"]) == (body, conversation)
    assert conversation in dlq.run("dlq", "show", shown).stdout


@pytest.mark.parametrize("command", ["show", "redrive", "drop --to /nowhere/file"])
def test_a_command_for_letters_without_a_selection_is_a_usage_error(
    dlq: Ops, queues: FakeQueues, command: str
) -> None:
    queues.put_rejected("{", "not_json")

    assert dlq.run("dlq", *command.split()).exit_code == Status.USAGE
    assert len(queues.queues[DEAD]) == 1


def test_a_selection_that_matches_nothing_says_what_there_is(dlq: Ops, queues: FakeQueues) -> None:
    queues.put_rejected("{", "not_json")

    result = dlq.run("dlq", "redrive", "--reason", "destination_refused", "--yes")

    assert result.exit_code == Status.PROBLEM
    assert "1 × not_json" in result.stderr


def test_a_redrive_without_confirmation_moves_nothing(dlq: Ops, queues: FakeQueues) -> None:
    queues.put_rejected("{", "not_json")

    assert dlq.run("dlq", "redrive", "--reason", "not_json").exit_code == Status.USAGE
    assert queues.bodies(DEAD) == ["{"]
    assert queues.hidden(DEAD) == 0


def test_a_redrive_by_reason_keeps_body_and_attributes(dlq: Ops, queues: FakeQueues) -> None:
    attributes = {
        "reason": text("not_json"),
        "own": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
        "count": {"DataType": "Number", "StringValue": "3"},
    }
    queues.put(DEAD, "chosen", attributes)
    queues.put_rejected("other", "empty_body")

    summary = dlq.run_json("dlq", "redrive", "--reason", "not_json", "--yes", "--rate", "500")

    assert (summary["redriven"], summary["left"], summary["failed"]) == (1, 0, [])
    assert queues.bodies(DEAD) == ["other"]
    assert queues.hidden(DEAD) == 0
    (sent,) = queues.queues[INTAKE]
    assert (sent.body, sent.attributes) == ("chosen", attributes)


def test_large_letters_are_sent_in_calls_that_sqs_takes(dlq: Ops, queues: FakeQueues) -> None:
    bodies = [f"{number}" * 1_000_000 for number in range(3)]
    for body in bodies:
        queues.put_rejected(body, "destination_refused")

    summary = dlq.run_json("dlq", "redrive", "--reason", "destination_refused", "--yes")

    assert summary["redriven"] == 3
    assert sorted(queues.bodies(INTAKE)) == bodies
    assert queues.bodies(DEAD) == []


def test_a_letter_that_sqs_refuses_stays_and_the_others_are_redriven(
    dlq: Ops, queues: FakeQueues
) -> None:
    for number in range(15):
        queues.put_rejected(str(number), "destination_refused")
    queues.refused = lambda _, entry: "InternalError" * (entry.get("MessageBody") == "3")

    result = dlq.run("dlq", "redrive", "--reason", "destination_refused", "--yes", "--rate", "500")

    assert result.exit_code == Status.PROBLEM
    assert "Redriven 14, left 0, failed 1" in result.stdout
    assert queues.bodies(DEAD) == ["3"]
    assert sorted(queues.bodies(INTAKE)) == sorted(str(n) for n in range(15) if n != 3)
    assert queues.hidden(DEAD) == 0


def test_a_redrive_stops_when_no_send_succeeds(dlq: Ops, queues: FakeQueues) -> None:
    for number in range(100):
        queues.put_rejected(str(number), "destination_refused")

    def fail(operation: str) -> None:
        if operation == "SendMessageBatch":
            raise client_error("ServiceUnavailable", operation)

    queues.before = fail

    result = dlq.run("dlq", "redrive", "--reason", "destination_refused", "--yes", "--rate", "500")

    assert result.exit_code == Status.PROBLEM
    assert queues.calls["SendMessageBatch"] == 3
    assert len(queues.bodies(DEAD)) == 100
    assert queues.hidden(DEAD) == 0


def test_letters_that_die_again_at_once_are_not_redriven_again(
    dlq: Ops, queues: FakeQueues
) -> None:
    for number in range(25):
        queues.put_rejected(str(number), "not_json")

    def reject(operation: str) -> None:
        if operation == "SendMessageBatch":
            for message in queues.queues[INTAKE]:
                queues.put_rejected(message.body, "not_json")
            queues.queues[INTAKE].clear()

    queues.after = reject

    summary = dlq.run_json("dlq", "redrive", "--reason", "not_json", "--yes", "--rate", "500")

    assert (summary["redriven"], summary["came_back"]) == (25, 25)
    assert sorted(queues.bodies(DEAD), key=int) == [str(number) for number in range(25)]


def test_dropped_letters_are_in_a_file_of_their_owner(
    dlq: Ops, queues: FakeQueues, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    dropped = queues.put_rejected("{", "not_json")
    queues.put_rejected("other", "empty_body")

    result = dlq.run("dlq", "drop", dropped, "--to", str(file), "--yes")

    assert result.exit_code == Status.OK
    assert file.stat().st_mode & 0o777 == 0o600
    (line,) = file.read_text().splitlines()
    assert (json.loads(line)["id"], json.loads(line)["body"]) == (dropped, "{")
    assert queues.bodies(DEAD) == ["other"]


def test_a_drop_to_an_existing_file_changes_nothing(
    dlq: Ops, queues: FakeQueues, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_text("earlier")
    queues.put_rejected("{", "not_json")

    result = dlq.run("dlq", "drop", "--all", "--to", str(file), "--yes")

    assert result.exit_code == Status.USAGE
    assert file.read_text() == "earlier"
    assert queues.bodies(DEAD) == ["{"]


def test_letters_whose_delete_fails_are_reported(
    dlq: Ops, queues: FakeQueues, tmp_path: Path
) -> None:
    queues.put_rejected("{", "not_json")
    queues.refused = lambda operation, _: "InternalError" * (operation == "DeleteMessageBatch")

    result = dlq.run("dlq", "drop", "--all", "--to", str(tmp_path / "new"), "--yes")

    assert result.exit_code == Status.PROBLEM
    assert "InternalError" in result.stdout
    assert queues.bodies(DEAD) == ["{"]


def test_undelivered_events_are_redriven_without_a_task(
    dlq: Ops, stack: DeployedStack, queues: FakeQueues
) -> None:
    stack.add_undelivered_queue()
    attributes = {"ERROR_CODE": text("NO_PERMISSIONS"), "ERROR_MESSAGE": text("no policy")}
    queues.queues[UNDELIVERED] = []
    queues.tasks = []
    queues.put(UNDELIVERED, "event", attributes)

    (group,) = dlq.run_json("dlq", "ls", "--undelivered")
    summary = dlq.run_json("dlq", "redrive", "--all", "--undelivered", "--yes")

    assert (group["reason"], group["error"]) == ("NO_PERMISSIONS", "no policy")
    assert summary["redriven"] == 1
    assert queues.bodies(INTAKE) == ["event"]
    assert queues.tasks == []


def test_a_stack_without_an_undelivered_queue_says_so(dlq: Ops) -> None:
    result = dlq.run("dlq", "ls", "--undelivered")

    assert result.exit_code == Status.USAGE
    assert "no undelivered queue" in result.stderr


def test_a_file_that_cannot_be_written_is_removed_and_nothing_is_dropped(
    dlq: Ops, queues: FakeQueues, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError("the disk is full")

    queues.put_rejected("{", "not_json")
    file = tmp_path / "dropped.jsonl"
    monkeypatch.setattr(os, "fsync", fail)

    result = dlq.run("dlq", "drop", "--all", "--to", str(file), "--yes")

    assert result.exit_code == Status.UNAVAILABLE
    assert "the disk is full" in result.stderr
    assert not file.exists()
    assert queues.bodies(DEAD) == ["{"]
