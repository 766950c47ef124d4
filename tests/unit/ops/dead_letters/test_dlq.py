"""The commands about dead letters, with SQS in memory."""

import json
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.dead_letters import move_task, redrive
from ops.errors import Status
from tests.bodies import end
from tests.fakes.aws.queues import FakeLogs, FakeQueues, FakeStack, FakeWorker, failure_line, text
from tests.fakes.aws.sqs import DEAD, INTAKE, MIB
from tests.fakes.clock import Clock
from tests.unit.ops.conftest import Ops

UNDELIVERED = DEAD.replace("-dead", "-undelivered")
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")
THROTTLED = ClientError(
    {
        "Error": {"Code": "ThrottlingException", "Message": "slow down"},
        "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item]
    },
    "SendMessageBatch",
)


class Killed(BaseException):
    """The command's process ends at this point."""


class Dlq:
    """The commands `dlq …` of an operator, whose waits take no time.

    Attributes
    ----------
    queues, logs
        The queues, and the worker's log.
    """

    def __init__(self, make_ops: Callable[..., Ops], clock: Clock) -> None:
        self.clock = clock
        self.queues = FakeQueues(lambda: clock.now, INTAKE, DEAD)
        self.logs = FakeLogs()
        clients: dict[str, Any] = {
            "sqs": self.queues,
            "cloudformation": FakeStack(),
            "lambda": FakeWorker(),
            "logs": self.logs,
        }
        self.ops = make_ops(**clients)

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Run a command with `--json`; return its exit status and what it printed."""
        result = self.ops.run("dlq", *arguments, "--json")
        if isinstance(result.exception, Killed):
            raise result.exception
        return result.exit_code, json.loads(result.stdout)

    def fill(self, refused: int = 3, not_json: int = 2, exhausted: int = 1) -> dict[str, list[str]]:
        """Put dead letters into the queue; return their ids by reason."""
        put = self.queues
        return {
            "destination_refused": [
                put.put_rejected(end(f"conversation-{n}"), "destination_refused", "webhook: 410")
                for n in range(refused)
            ],
            "not_json": [put.put_rejected("no JSON", "not_json") for _ in range(not_json)],
            "receives_exhausted": [
                put.put_exhausted(end(f"exhausted-{n}")) for n in range(exhausted)
            ],
        }


@pytest.fixture
def dlq(make_ops: Callable[..., Ops], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Dlq:
    monkeypatch.setattr(redrive.Redrive, "_pause", lambda _: None)
    monkeypatch.setattr(move_task, "POLL_SECONDS", 0)
    return Dlq(make_ops, clock)


def test_ls_groups_dead_letters_by_reason_and_error(dlq: Dlq) -> None:
    ids = dlq.fill()
    dlq.logs.lines = [
        failure_line(ids["receives_exhausted"][0], "destination", "crm: HTTPError"),
        failure_line("another", "ledger", "Unread"),
        "no JSON",
    ]

    status, groups = dlq.run("ls")

    assert status == Status.OK
    assert [(group["reason"], group["error"], group["count"]) for group in groups] == [
        ("destination_refused", "webhook: 410", 3),
        ("not_json", "why", 2),
        ("receives_exhausted", "destination: crm: HTTPError", 1),
    ]
    assert groups[0]["ids"] == ids["destination_refused"]
    assert dlq.queues.hidden(DEAD) == 0


def test_ls_shows_no_body(dlq: Dlq) -> None:
    dlq.fill()

    shown = dlq.ops.run("dlq", "ls").stdout

    assert "destination_refused" in shown
    assert "conversation-0" not in shown


def test_ls_lists_what_it_can_if_the_log_cannot_be_read(dlq: Dlq) -> None:
    dlq.fill()
    dlq.logs.error = DENIED

    result = dlq.ops.run("dlq", "ls")

    assert result.exit_code == Status.OK
    assert "unknown" in result.stdout
    assert "AccessDenied" in result.stderr


def test_ls_finds_more_messages_than_fit_into_one_call_although_some_come_twice(dlq: Dlq) -> None:
    dlq.fill(refused=57)
    dlq.queues.repeats = True

    _, groups = dlq.run("ls")

    assert groups[0]["count"] == len(set(groups[0]["ids"])) == 57


def test_show_shows_the_whole_message(dlq: Dlq) -> None:
    ids = dlq.fill()
    chosen = ids["destination_refused"][1]

    _, shown = dlq.run("show", chosen)
    for_people = dlq.ops.run("dlq", "show", chosen).stdout

    assert [letter["id"] for letter in shown] == [chosen]
    assert shown[0]["conversation_id"] == "conversation-1"
    assert shown[0]["body"] == end("conversation-1")
    assert shown[0]["attributes"]["reason"] == {"type": "String", "value": "destination_refused"}
    assert '"conversationId": "conversation-1"' in for_people


@pytest.mark.parametrize("command", ["show", "redrive", "drop"])
def test_a_selection_that_matches_nothing_says_what_there_is(
    command: str, dlq: Dlq, tmp_path: Path
) -> None:
    dlq.fill()
    to = ("--to", str(tmp_path / "kept.jsonl")) if command == "drop" else ()

    status, printed = dlq.run(command, "m-999", *to)

    assert status == Status.PROBLEM
    assert "3 × destination_refused" in printed["error"]


@pytest.mark.parametrize("command", ["show", "redrive"])
def test_no_selection_is_a_usage_error_that_names_the_options(command: str, dlq: Dlq) -> None:
    status, printed = dlq.run(command)

    assert status == Status.USAGE
    assert "--reason" in printed["error"]


def test_a_redrive_moves_only_what_was_chosen_with_its_attributes(dlq: Dlq) -> None:
    ids = dlq.fill()
    own = {"own": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}, "reason": text("not_json")}
    extra = dlq.queues.put(DEAD, "with attributes", own)

    status, printed = dlq.run("redrive", extra, *ids["destination_refused"], "--yes")

    assert status == Status.OK
    assert (printed["redriven"], printed["left"], printed["failed"]) == (4, 0, [])
    assert Counter(dlq.queues.bodies(INTAKE)) == Counter(
        ["with attributes", *(end(f"conversation-{n}") for n in range(3))]
    )
    (moved,) = [m for m in dlq.queues.queues[INTAKE] if m.body == "with attributes"]
    assert moved.attributes == own
    assert len(dlq.queues.queues[DEAD]) == 3
    assert dlq.queues.hidden(DEAD) == 0


def test_a_redrive_asks_first(dlq: Dlq) -> None:
    dlq.fill()

    status, printed = dlq.run("redrive", "--reason", "not_json")

    assert status == Status.USAGE
    assert "Redrive 2 × not_json" in printed["error"]
    assert dlq.queues.bodies(INTAKE) == []


def test_messages_too_large_for_one_call_are_redriven_one_by_one(dlq: Dlq) -> None:
    bodies = [letter * (MIB // 2) for letter in "abcd"]
    for body in bodies:
        dlq.queues.put_rejected(body, "not_json")

    status, _ = dlq.run("redrive", "--reason", "not_json", "--yes")

    assert status == Status.OK
    assert sorted(dlq.queues.bodies(INTAKE)) == bodies


def test_a_message_that_sqs_refuses_stays_and_the_others_are_redriven(dlq: Dlq) -> None:
    dlq.fill(refused=3)

    def refuse(operation: str, entry: Mapping[str, Any]) -> str:
        is_it = operation == "SendMessageBatch" and "conversation-1" in entry["MessageBody"]
        return "InvalidMessageContents" if is_it else ""

    dlq.queues.refused = refuse

    status, printed = dlq.run("redrive", "--reason", "destination_refused", "--yes")

    assert status == Status.PROBLEM
    assert printed["redriven"] == 2
    assert [failed["error"] for failed in printed["failed"]] == ["InvalidMessageContents"]
    assert end("conversation-1") in dlq.queues.bodies(DEAD)


def test_calls_that_keep_failing_stop_the_redrive_and_nothing_is_lost(dlq: Dlq) -> None:
    dlq.fill(refused=60)
    before = Counter(dlq.queues.bodies(DEAD))

    def fail(operation: str) -> None:
        if operation == "SendMessageBatch":
            raise THROTTLED

    dlq.queues.before = fail

    status, printed = dlq.run("redrive", "--reason", "destination_refused", "--yes")

    assert status == Status.PROBLEM
    assert printed["stopped"]
    assert dlq.queues.calls["SendMessageBatch"] == 3
    assert Counter(dlq.queues.bodies(DEAD)) == before


def test_messages_that_die_again_meanwhile_are_left_alone(dlq: Dlq) -> None:
    dlq.fill(refused=5, not_json=0, exhausted=0)

    def die_again(operation: str) -> None:
        if operation == "SendMessageBatch":
            for message in dlq.queues.queues[INTAKE]:
                dlq.queues.put_rejected(message.body, "destination_refused")
            dlq.queues.queues[INTAKE].clear()

    dlq.queues.after = die_again

    status, printed = dlq.run("redrive", "--reason", "destination_refused", "--yes")

    assert status == Status.OK
    assert (printed["redriven"], printed["came_back"]) == (5, 5)
    assert len(dlq.queues.queues[DEAD]) == 5


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 14))
def test_a_redrive_killed_at_any_call_loses_nothing_and_can_be_run_again(
    moment: str, call: int, dlq: Dlq
) -> None:
    dlq.fill(refused=25, not_json=2, exhausted=0)
    chosen = {end(f"conversation-{n}") for n in range(25)}
    count = 0

    def kill(_: str) -> None:
        nonlocal count
        count += 1
        if count == call:
            raise Killed

    setattr(dlq.queues, moment, kill)
    with pytest.raises(Killed):
        dlq.run("redrive", "--reason", "destination_refused", "--yes")
    # The process is gone, and its messages come back.
    setattr(dlq.queues, moment, lambda _: None)
    dlq.clock.now += 60
    assert {*dlq.queues.bodies(INTAKE), *dlq.queues.bodies(DEAD)} == chosen | {"no JSON"}

    if chosen & {*dlq.queues.bodies(DEAD)}:
        status, printed = dlq.run("redrive", "--reason", "destination_refused", "--yes")
        assert (status, printed["left"], printed["failed"]) == (Status.OK, 0, [])

    assert {*dlq.queues.bodies(INTAKE)} == chosen
    assert dlq.queues.bodies(DEAD) == ["no JSON"] * 2


def test_an_answer_lost_after_the_send_makes_a_repeat_and_no_loss(dlq: Dlq) -> None:
    dlq.fill(refused=4, not_json=0, exhausted=0)
    lost: list[str] = []

    def lose(operation: str) -> None:
        if operation == "SendMessageBatch" and not lost:
            lost.append(operation)
            raise THROTTLED

    dlq.queues.after = lose

    status, printed = dlq.run("redrive", "--reason", "destination_refused", "--yes")

    assert (status, len(printed["failed"])) == (Status.PROBLEM, 4)
    assert len(dlq.queues.bodies(DEAD)) == len(dlq.queues.bodies(INTAKE)) == 4


def test_all_letters_are_moved_by_a_task_of_sqs_with_its_destination_named(dlq: Dlq) -> None:
    dlq.fill()
    dlq.queues.tasks = []
    bodies = sorted(dlq.queues.bodies(DEAD))

    status, printed = dlq.run("redrive", "--all", "--yes")

    assert (status, printed["method"]) == (Status.OK, "move_task")
    assert sorted(dlq.queues.bodies(INTAKE)) == bodies
    assert dlq.queues.bodies(DEAD) == []
    assert dlq.queues.calls["SendMessageBatch"] == 0


def test_without_such_tasks_all_letters_are_received_and_sent(dlq: Dlq) -> None:
    dlq.fill()
    bodies = sorted(dlq.queues.bodies(DEAD))

    status, printed = dlq.run("redrive", "--all", "--yes")

    assert (status, printed["method"]) == (Status.OK, "receive_and_send")
    assert sorted(dlq.queues.bodies(INTAKE)) == bodies


def test_a_redrive_of_all_waits_for_one_that_is_running(dlq: Dlq) -> None:
    dlq.fill()
    dlq.queues.tasks = [{"Status": "RUNNING", "TaskHandle": "other", "StartedTimestamp": 1000}]

    status, printed = dlq.run("redrive", "--all", "--yes")

    assert status == Status.PROBLEM
    assert "Another redrive" in printed["error"]
    assert dlq.queues.bodies(INTAKE) == []


def test_an_empty_queue_has_nothing_to_redrive(dlq: Dlq) -> None:
    status, printed = dlq.run("redrive", "--all", "--yes")

    assert status == Status.PROBLEM
    assert "holds no visible messages" in printed["error"]


def test_drop_writes_a_private_file_before_it_deletes(dlq: Dlq, tmp_path: Path) -> None:
    dlq.fill()
    file = tmp_path / "kept.jsonl"
    written_at_first_delete: list[int] = []

    def look(operation: str) -> None:
        if operation == "DeleteMessageBatch":
            written_at_first_delete.append(len(file.read_text().splitlines()))

    dlq.queues.before = look

    status, printed = dlq.run("drop", "--reason", "not_json", "--to", str(file), "--yes")

    assert (status, printed["dropped"]) == (Status.OK, 2)
    assert written_at_first_delete[0] == 2
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [letter["body"] for letter in kept] == ["no JSON"] * 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "no JSON" not in dlq.queues.bodies(DEAD)


@pytest.mark.parametrize("there", ["file", "no folder"])
def test_drop_needs_a_new_file_in_a_folder(there: str, dlq: Dlq, tmp_path: Path) -> None:
    dlq.fill()
    file = tmp_path / "kept.jsonl" if there == "file" else tmp_path / "missing/kept.jsonl"
    if there == "file":
        file.write_text("older")

    status, _ = dlq.run("drop", "--all", "--to", str(file), "--yes")

    assert status == Status.USAGE
    assert len(dlq.queues.bodies(DEAD)) == 6


@pytest.mark.parametrize("call", range(1, 9))
def test_a_drop_killed_at_any_call_has_written_what_it_deleted(
    call: int, dlq: Dlq, tmp_path: Path
) -> None:
    dlq.fill(refused=0, not_json=12, exhausted=0)
    file = tmp_path / "kept.jsonl"
    count = 0

    def kill(_: str) -> None:
        nonlocal count
        count += 1
        if count == call:
            raise Killed

    dlq.queues.after = kill
    with pytest.raises(Killed):
        dlq.run("drop", "--reason", "not_json", "--to", str(file), "--yes")

    kept = len(file.read_text().splitlines()) if file.exists() else 0
    assert kept in (0, 12)
    assert kept or len(dlq.queues.bodies(DEAD)) == 12


def test_the_undelivered_queue_is_redriven_to_the_intake_queue(dlq: Dlq) -> None:
    dlq.queues.queues[UNDELIVERED] = []
    attributes = {"ERROR_CODE": text("NO_PERMISSIONS"), "ERROR_MESSAGE": text("denied")}
    dlq.queues.put(UNDELIVERED, "an event", attributes)

    _, groups = dlq.run("ls", "--undelivered")
    status, _ = dlq.run("redrive", "--undelivered", "--all", "--yes")

    assert [(group["reason"], group["error"]) for group in groups] == [("NO_PERMISSIONS", "denied")]
    assert status == Status.OK
    assert dlq.queues.bodies(INTAKE) == ["an event"]


def test_a_stack_without_an_undelivered_queue_says_so(dlq: Dlq) -> None:
    status, printed = dlq.run("ls", "--undelivered")

    assert status == Status.USAGE
    assert 'delivery = "eventbridge"' in printed["error"]
