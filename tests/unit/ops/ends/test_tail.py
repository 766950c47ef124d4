"""`queue-ends tail`: ends as they are processed."""

import json
import time
from collections.abc import Callable

import pytest

from ops.ends.tail import Follower
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import (
    WORKER_LOG,
    DeployedStack,
    batch_line,
    end_line,
    warning_line,
)

CONVERSATION = "0f8fad5b-d9cb-469f-a165-70867728950e"
MESSAGE = "6d9f7f2a-0a6b-4a59-9a3f-2c1f5a1b0001"


def test_each_kind_of_line_is_shown_in_80_columns(ops: Ops, stack: DeployedStack) -> None:
    stack.logs.write(WORKER_LOG, end_line(CONVERSATION))
    stack.logs.write(WORKER_LOG, warning_line(MESSAGE, "failed", "destination", "actions: boom"))
    stack.logs.write(WORKER_LOG, batch_line(received=2, processed=1, failed=1, ended=1))
    stack.logs.write(WORKER_LOG, "START RequestId: 1")

    result = ops.run("tail", "--once")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()[2:]
    assert max(map(len, lines)) <= 80
    assert [line[9:].strip() for line in lines] == [
        f"end      {CONVERSATION} Support",
        f"FAILED   {MESSAGE} destination",
        "actions: boom (receive 1)",
        "batch    received 2 processed 1 failed 1 ended 1",
    ]


def test_a_long_line_continues_below_its_own_text(ops: Ops, stack: DeployedStack) -> None:
    detail = "expected a JSON object: " + "a long explanation " * 4
    stack.logs.write(WORKER_LOG, warning_line(MESSAGE, "rejected", "missing_event_type", detail))

    first, *others = ops.run("tail", "--once").stdout.splitlines()[2:]

    assert first[9:].strip() == f"REJECTED {MESSAGE} missing_event_type"
    assert len(others) > 1
    assert {line[:18].strip() for line in others} == {""}


def test_lines_of_json_have_their_kinds(ops: Ops, stack: DeployedStack) -> None:
    stack.logs.write(WORKER_LOG, end_line(CONVERSATION), 1_795_428_000_000)
    stack.logs.write(WORKER_LOG, warning_line(MESSAGE, "failed", "destination"), 1_795_428_000_001)
    stack.logs.write(WORKER_LOG, batch_line(received=2), 1_795_428_000_002)

    result = ops.run("tail", "--once", "--json", "--since", "3650d")

    end, message, batch = map(json.loads, result.stdout.splitlines())
    assert end == {
        "kind": "end",
        "at": "2026-11-23T10:00:00.000Z",
        "conversation_id": CONVERSATION,
        "queue_id": "a1b2c3d4-e5f6-7890-1234-567890abcdef",
    }
    assert (message["kind"], message["message_id"], message["reason"]) == (
        "message",
        MESSAGE,
        "destination",
    )
    assert (batch["kind"], batch["counts"]["received"]) == ("batch", 2)


def test_new_lines_are_followed_until_ctrl_c(
    ops: Ops, stack: DeployedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["first", "second"]

    def pause(_: float) -> None:
        if not lines:
            raise KeyboardInterrupt
        stack.logs.write(WORKER_LOG, end_line(lines.pop(0)))

    monkeypatch.setattr(time, "sleep", pause)

    result = ops.run("tail")

    assert result.exit_code == 130
    shown = [line.split()[2] for line in result.stdout.splitlines()[2:]]
    assert shown == ["first", "second"]


@pytest.fixture
def write(stack: DeployedStack) -> Callable[[str, float], None]:
    """Write a line, dated some seconds from now."""

    def write_line(text: str, seconds: float) -> None:
        stack.logs.write(WORKER_LOG, text, int((time.time() + seconds) * 1000))

    return write_line


def test_a_late_line_is_shown_and_no_line_is_shown_twice(
    stack: DeployedStack, write: Callable[[str, float], None]
) -> None:
    follower = Follower(stack.logs, WORKER_LOG, since_ms=0)

    def poll() -> list[str]:
        return [event.text for event in follower.poll()]

    write("a", 0)
    write("b", 50)
    assert poll() == ["a", "b"]
    write("late", 1)
    assert poll() == ["late"]
    write("c", 50)  # at the time of the newest line
    assert poll() == ["c"]
    assert poll() == []


def test_the_follower_remembers_only_the_lines_that_it_can_read_again(
    stack: DeployedStack, write: Callable[[str, float], None]
) -> None:
    follower = Follower(stack.logs, WORKER_LOG, since_ms=0)
    for number in range(10):
        write(str(number), number * 100)
        assert [event.text for event in follower.poll()] == [str(number)]

    last_call = stack.logs.calls[-1][1]
    assert last_call["startTime"] > stack.logs.groups[WORKER_LOG][5]["timestamp"]
    assert follower.poll() == []


def test_a_worker_that_never_ran_has_no_lines(ops: Ops, stack: DeployedStack) -> None:
    del stack.logs.groups[WORKER_LOG]

    assert ops.run("tail", "--once").exit_code == 0
