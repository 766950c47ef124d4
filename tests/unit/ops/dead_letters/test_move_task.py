"""`dlq redrive --all`: SQS's message move task, and what happens without one."""

from collections.abc import Callable

import pytest

from ops.dead_letters import move_task
from ops.dead_letters.move_task import Moved, MoveTask
from ops.dead_letters.queue import LetterQueue
from ops.errors import OpsError, Status
from tests.fakes.aws.queues import FakeQueues, arn_of
from tests.fakes.aws.sqs import DEAD, INTAKE, client_error
from tests.fakes.clock import Clock
from tests.unit.ops.conftest import Ops

Run = Callable[[], Moved | None]


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def move(queues: FakeQueues, clock: Clock, notes: list[str]) -> Run:
    """Move all dead letters in virtual time."""
    queues.tasks = []
    queue = LetterQueue(queues, DEAD, "dead-letter queue", notes.append)  # type: ignore[arg-type]
    return lambda: MoveTask(queue, notes.append, clock.sleep).run(arn_of(INTAKE), 50)


def test_a_task_moves_all_letters_to_the_intake_queue(
    move: Run, queues: FakeQueues, notes: list[str]
) -> None:
    for number in range(3):
        queues.put_rejected(str(number), "not_json")

    moved = move()

    assert moved
    assert (moved.status, moved.moved) == ("COMPLETED", 3)
    assert queues.bodies(INTAKE) == ["0", "1", "2"]
    assert "Redriven 3 of about 3." in notes


def test_no_second_task_is_started_while_one_runs(move: Run, queues: FakeQueues) -> None:
    queues.tasks = [{"Status": "RUNNING", "StartedTimestamp": 1_795_428_005_000}]

    with pytest.raises(OpsError, match="Another redrive") as error:
        move()

    assert error.value.status == Status.PROBLEM
    assert "StartMessageMoveTask" not in queues.calls


def test_the_reason_of_a_failed_task_is_returned(move: Run, queues: FakeQueues) -> None:
    for number in range(3):
        queues.put_rejected(str(number), "not_json")

    def fail(operation: str) -> None:
        if operation == "MoveTask" and queues.tasks:
            queues.tasks[0] |= {"Status": "FAILED", "FailureReason": "AccessDenied"}

    queues.after = fail

    moved = move()

    assert moved
    assert (moved.status, moved.why) == ("FAILED", "AccessDenied")


def test_a_task_is_cancelled_when_letters_come_back_for_ever(move: Run, queues: FakeQueues) -> None:
    queues.put_rejected("{", "not_json")

    def reject(operation: str) -> None:
        if operation == "MoveTask":
            queues.put_rejected(queues.queues[INTAKE].pop().body, "not_json")

    queues.after = reject

    moved = move()

    assert moved
    assert (moved.status, moved.why) == (
        "CANCELLED",
        "messages came back as fast as they were moved",
    )


def test_a_task_that_cannot_be_followed_goes_on_and_the_command_says_so(
    move: Run, queues: FakeQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.put_rejected("{", "not_json")

    def list_tasks(**_: object) -> dict[str, object]:
        if queues.tasks:  # the task is started
            raise client_error("RequestThrottled", "ListMessageMoveTasks")
        return {}

    monkeypatch.setattr(queues, "list_message_move_tasks", list_tasks)

    with pytest.raises(OpsError, match="SQS goes on with the redrive") as raised:
        move()

    assert raised.value.status == Status.PROBLEM


def test_ctrl_c_cancels_the_task(move: Run, queues: FakeQueues) -> None:
    queues.put_rejected("{", "not_json")

    def interrupt(operation: str) -> None:
        if operation == "MoveTask":
            raise KeyboardInterrupt

    queues.after = interrupt

    with pytest.raises(KeyboardInterrupt):
        move()

    assert queues.tasks
    assert queues.tasks[0]["Status"] == "CANCELLED"


@pytest.mark.parametrize(
    "code", ["InvalidAction", "AccessDenied", "AWS.SimpleQueueService.UnsupportedOperation"]
)
def test_a_redrive_of_all_without_a_task_sends_the_letters_itself(
    dlq: Ops, queues: FakeQueues, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(**_: object) -> None:
        raise client_error(code, "StartMessageMoveTask")

    queues.tasks = []
    monkeypatch.setattr(queues, "start_message_move_task", refuse)
    for number in range(12):
        queues.put_rejected(str(number), "not_json")

    summary = dlq.run_json("dlq", "redrive", "--all", "--yes", "--rate", "500")

    assert (summary["redriven"], summary["method"]) == (12, "receive_and_send")
    assert queues.bodies(DEAD) == []


def test_a_redrive_of_all_from_an_empty_queue_is_a_problem(dlq: Ops, queues: FakeQueues) -> None:
    queues.tasks = []

    assert dlq.run("dlq", "redrive", "--all", "--yes").exit_code == Status.PROBLEM
    assert queues.tasks == []


def test_a_redrive_of_all_by_a_task_is_summed_up(
    dlq: Ops, queues: FakeQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move_task, "POLL_SECONDS", 0)
    queues.tasks = []
    for number in range(5):
        queues.put_rejected(str(number), "not_json")

    summary = dlq.run_json("dlq", "redrive", "--all", "--yes")

    assert (summary["redriven"], summary["left"], summary["came_back"]) == (5, 0, 0)
    assert (summary["method"], summary["stopped"]) == ("move_task", "")
    assert sorted(queues.bodies(INTAKE)) == ["0", "1", "2", "3", "4"]
