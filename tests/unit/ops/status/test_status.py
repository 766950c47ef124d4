"""`queue-ends status`: one look at a deployed stack."""

import time
from typing import Any

import pytest

from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import (
    ALARM,
    DEAD,
    INTAKE,
    QUEUES,
    WATCHDOG_LOG,
    WORKER_LOG,
    DeployedStack,
    batch_line,
)

CONVERSATION = "0f8fad5b-d9cb-469f-a165-70867728950e"


def metrics_line(*latencies: int, **counts: int) -> dict[str, Any]:
    counts = {name.capitalize(): count for name, count in counts.items()}
    return {"_aws": {"Timestamp": 1}, "Stage": "dev", **counts, "EndToEndLatency": [*latencies]}


def watchdog_line(message: str, **fields: Any) -> dict[str, Any]:
    return {"service": "watchdog", "message": message, **fields}


def fill(stack: DeployedStack) -> None:
    """Let the stack have worked for some time."""
    stack.add_undelivered_queue()
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Unhealthy", differences=["It was disabled."]))
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Healed"))
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Healthy", watched="queue-ends-dev"))
    stack.logs.write(WORKER_LOG, batch_line(received=3, processed=2, failed=1, ended=2))
    stack.logs.write(WORKER_LOG, metrics_line(received=3, processed=2, failed=1))
    stack.logs.write(WORKER_LOG, metrics_line(200, 600, ended=2))
    stack.logs.write(WORKER_LOG, metrics_line(received=1, duplicate=1))
    stack.logs.write(WORKER_LOG, '{"type":"platform.report"}')
    stack.sqs.put(DEAD, "not JSON", reason="not_json")
    stack.cloudwatch.ages["queue-ends-dev-dead"] = [7300, 7200]
    for number in range(5):
        ended_at = 1_795_428_000_000 + number * 60_000
        stack.dynamodb.put_end(f"{number}{CONVERSATION[1:]}", ended_at=ended_at)
    stack.dynamodb.put_join(CONVERSATION, 1_795_428_000_000)
    stack.dynamodb.items.append({"conversation_id": {"S": "#backfill"}, "queue_id": {"S": "#old"}})


def test_a_stack_without_problems_fits_on_a_screen_of_80_columns(
    ops: Ops, stack: DeployedStack
) -> None:
    fill(stack)
    stack.functions.variables["DESTINATIONS"] = "actions,bus,webhook,archive"
    for item in stack.dynamodb.items:
        if "delivered" in item:
            names = ("actions", "bus", "webhook", "archive")
            item["delivered"] = {"L": [{"S": name} for name in names]}

    result = ops.run("status")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 30
    for text in ("UPDATE_COMPLETE", "healthy at", "Enabled", "received 4", "0 on, 2 OK"):
        assert text in result.stdout
    assert "latency: mean 400 ms, maximum 600 ms" in result.stdout


def test_the_json_of_the_status_has_every_part(ops: Ops, stack: DeployedStack) -> None:
    fill(stack)

    status = ops.run_json("status")

    assert status["stack"] == "UPDATE_COMPLETE"
    assert status["watchdog"]["result"] == "Healthy"
    assert status["mapping"] == "Enabled"
    assert status["queues"]["dead-letter"] == {
        "visible": 1,
        "in_flight": 0,
        "delayed": 0,
        "oldest_seconds": 7300,
    }
    assert status["queues"].keys() == {"intake", "dead-letter", "undelivered"}
    assert status["queues"]["intake"]["oldest_seconds"] is None
    assert status["last_hour"] == {
        "counts": {
            "received": 4,
            "processed": 2,
            "duplicate": 1,
            "ignored": 0,
            "rejected": 0,
            "failed": 1,
            "ended": 2,
        },
        "mean_ms": 400,
        "max_ms": 600,
        "cut_short": False,
    }
    assert status["alarms"] == {"on": [], "ok": 2, "insufficient_data": 0}
    assert status["problems"] == []


def test_the_last_ends_are_the_newest_without_join_and_cursor_items(
    ops: Ops, stack: DeployedStack
) -> None:
    fill(stack)

    status = ops.run_json("status")

    ids = [end["conversation_id"] for end in status["last_ends"]]
    assert ids == [f"{number}{CONVERSATION[1:]}" for number in (4, 3, 2, 1)]
    assert status["last_ends"][0]["delivered"] == ["actions", "bus"]
    assert status["last_ends"][0]["ended_at"] == "2026-11-23T10:04:00.000Z"
    assert (status["ledger_items_read"], status["ledger_cut_short"]) == (7, False)


def test_a_long_ledger_is_read_in_part_and_the_status_says_so(
    ops: Ops, stack: DeployedStack
) -> None:
    for number in range(20):
        stack.dynamodb.put_end(f"conversation-{number}")

    result = ops.run("status")

    assert "of the first 15 items" in result.stdout
    assert sum(operation == "Scan" for operation, _ in stack.dynamodb.calls) == 5


def test_a_long_log_is_read_in_part_and_the_status_says_so(ops: Ops, stack: DeployedStack) -> None:
    for _ in range(45):
        stack.logs.write(WORKER_LOG, metrics_line(received=1))

    result = ops.run("status")

    assert "received 40" in result.stdout
    assert "the counts are too low" in result.stdout


def test_lines_of_earlier_hours_are_not_counted(ops: Ops, stack: DeployedStack) -> None:
    earlier = int(time.time() * 1000) - 2 * 3_600_000
    stack.logs.write(WORKER_LOG, metrics_line(received=7), earlier)
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Unhealthy"), earlier)

    result = ops.run("status")

    assert result.exit_code == 0
    assert "nothing received" in result.stdout
    assert "had no result in the last hour" in result.stdout


def test_an_alarm_that_is_on_is_a_problem_and_is_named(ops: Ops, stack: DeployedStack) -> None:
    stack.cloudwatch.alarms[ALARM] = "ALARM"
    stack.cloudwatch.alarms["QueueEnds-dev-2-backlog"] = "ALARM"  # of another stage

    result = ops.run("status")

    assert result.exit_code == 1
    assert f"ALARM         {ALARM}" in result.stdout
    assert "1 on, 1 OK, 0 without data" in result.stdout


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_disabled_mapping_is_a_problem(ops: Ops, stack: DeployedStack, state: str) -> None:
    stack.functions.mapping_state = state

    result = ops.run("status")

    assert result.exit_code == 1
    assert "nothing is processed" in result.stdout


@pytest.mark.parametrize(
    ("stack_status", "exit_code"),
    [
        ("CREATE_COMPLETE", 0),
        ("UPDATE_IN_PROGRESS", 0),
        ("UPDATE_ROLLBACK_COMPLETE", 0),
        ("ROLLBACK_COMPLETE", 1),
        ("UPDATE_ROLLBACK_FAILED", 1),
        ("DELETE_FAILED", 1),
    ],
)
def test_a_failed_stack_is_a_problem(
    ops: Ops, stack: DeployedStack, stack_status: str, exit_code: int
) -> None:
    stack.cloudformation.status = stack_status

    assert ops.run("status").exit_code == exit_code


def test_the_watchdogs_last_finding_is_a_problem_and_is_shown(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Healthy"))
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Unhealthy", differences=["It is disabled."]))
    stack.logs.write(WATCHDOG_LOG, watchdog_line("Unknown queues", differences=["no queue"]))

    result = ops.run("status")

    assert result.exit_code == 1
    assert "unhealthy at" in result.stdout
    assert "It is disabled." in result.stdout


def test_a_stack_without_watchdog_says_so(ops: Ops, stack: DeployedStack) -> None:
    del stack.cloudformation.resources["WatchdogFunction1F"]

    result = ops.run("status")

    assert result.exit_code == 0
    assert "there is no watchdog" in result.stdout


def test_the_names_of_the_queues_of_the_last_ends_are_shown(ops: Ops, stack: DeployedStack) -> None:
    stack.dynamodb.put_end(CONVERSATION, QUEUES[1] + "#2", state="claimed", delivered=[])

    result = ops.run("status")

    assert "claimed (end 2)" in result.stdout
    assert "Sales" in result.stdout
    assert "no destination yet" in result.stdout


def test_the_status_takes_no_message_from_a_queue(ops: Ops, stack: DeployedStack) -> None:
    stack.sqs.put(INTAKE, "{}")

    ops.run("status")

    assert {operation for operation, _ in stack.sqs.calls} == {"GetQueueAttributes"}
