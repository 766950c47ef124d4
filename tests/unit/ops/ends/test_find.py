"""`queue-ends find`: the traces of a conversation."""

import json
import time
from typing import Any

import pytest

from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import (
    DEAD,
    QUEUES,
    UNDELIVERED,
    WORKER_LOG,
    DeployedStack,
    end_line,
    warning_line,
)

CONVERSATION = "0f8fad5b-d9cb-469f-a165-70867728950e"
ENDED_AT = 1_795_428_000_000


def subscription_body(conversation_id: str) -> str:
    return json.dumps({"attributes": {"conversationId": conversation_id}})


BODY = subscription_body(CONVERSATION)


def test_a_delivered_end_is_found_in_the_ledger_and_in_the_log(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.dynamodb.put_end("another")
    stack.dynamodb.put_end(CONVERSATION, earliest_at=ENDED_AT - 1000, latest_at=ENDED_AT)
    stack.logs.write(WORKER_LOG, end_line("another"))
    stack.logs.write(WORKER_LOG, end_line(CONVERSATION))

    result = ops.run("find", CONVERSATION)

    assert result.exit_code == 0
    assert "delivered to actions and bus." in result.stdout
    assert "It ended at 2026-11-23 10:00:00Z" in result.stdout
    assert f"queue {QUEUES[0]} (Support)" in result.stdout
    assert "reported   2026-11-23 09:59:59Z to 2026-11-23 10:00:00Z" in result.stdout
    assert "the action got the end" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_lines_of_other_forms_are_only_counted(ops: Ops, stack: DeployedStack) -> None:
    stack.logs.write(WORKER_LOG, end_line(CONVERSATION))
    for name in ("Ada", "Grace"):
        stack.logs.write(WORKER_LOG, f'{{"message": "{name} called", "id": "{CONVERSATION}"}}')

    shown, found = ops.run("find", CONVERSATION).stdout, ops.run_json("find", CONVERSATION)

    assert "personal data: 2 other lines" in shown
    assert "called" not in shown
    assert [line["text"] is None for line in found["log_lines"]].count(True) == 2


def test_the_json_of_find_has_each_end_with_its_sequence(ops: Ops, stack: DeployedStack) -> None:
    stack.dynamodb.put_end(CONVERSATION)
    stack.dynamodb.put_end(CONVERSATION, QUEUES[0] + "#2", ended_at=ENDED_AT + 3_600_000)
    stack.dynamodb.put_end(CONVERSATION, QUEUES[1], ended_at=ENDED_AT + 1)

    found = ops.run_json("find", CONVERSATION)

    assert [(end["queue_id"], end["sequence"]) for end in found["ends"]] == [
        (QUEUES[0], 1),
        (QUEUES[1], 1),
        (QUEUES[0], 2),
    ]
    assert found["ends"][0]["ended_at"] == "2026-11-23T10:00:00.000Z"
    assert found["found"] is True


def test_an_id_in_capitals_is_found(ops: Ops, stack: DeployedStack) -> None:
    stack.dynamodb.put_end(CONVERSATION)

    assert ops.run("find", f" {CONVERSATION.upper()} ").exit_code == 0


def test_an_end_that_waits_for_its_details_is_explained(ops: Ops, stack: DeployedStack) -> None:
    changes: dict[str, Any] = {"state": "claimed", "delivered": [], "details_attempts": 2}
    stack.dynamodb.put_end(CONVERSATION, **changes)

    result = ops.run("find", CONVERSATION)

    assert "It waits for its details, which were asked for 2 times." in result.stdout
    assert "claim      released" in result.stdout


@pytest.mark.parametrize(
    ("lease_seconds", "text"), [(60, "is being processed"), (-60, "is not delivered yet")]
)
def test_a_claimed_end_is_being_processed_until_its_lease_expires(
    ops: Ops, stack: DeployedStack, lease_seconds: int, text: str
) -> None:
    lease_until = int(time.time() + lease_seconds) * 1000
    changes: dict[str, Any] = {
        "state": "claimed",
        "lease_until": lease_until,
        "delivered": ["actions"],
    }
    stack.dynamodb.put_end(CONVERSATION, **changes)

    verdict = ops.run_json("find", CONVERSATION)["verdict"]

    assert text in verdict
    assert "So far delivered to actions" in verdict


def test_a_conversation_with_a_join_item_alone_has_not_ended_yet(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.dynamodb.put_join(CONVERSATION, ENDED_AT)

    result = ops.run("find", CONVERSATION)

    assert result.exit_code == 0
    assert "It has not ended in our queues yet" in result.stdout
    assert "customer's end at 2026-11-23 10:00:00Z" in result.stdout


def test_dead_letters_are_found_with_their_reasons_and_stay_in_their_queues(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.add_undelivered_queue()
    attributes = {"reason": "destination_refused", "source_message_id": "source-1"}
    rejected = stack.sqs.put(DEAD, BODY, **attributes, detail="webhook: HTTP 410")
    others = [stack.sqs.put(DEAD, f"not about it {number}") for number in range(25)]
    undelivered = stack.sqs.put(UNDELIVERED, BODY)
    stack.logs.write(WORKER_LOG, warning_line("source-1", "rejected", "destination_refused"))
    stack.logs.write(WORKER_LOG, warning_line("source-2", "failed", "destination"))

    result = ops.run("find", CONVERSATION)

    assert "In the dead-letter queue: destination_refused." in result.stdout
    assert "webhook: HTTP 410" in result.stdout
    assert f"{undelivered}  received too often" in result.stdout
    assert "message source-1 rejected" in result.stdout
    assert "source-2" not in result.stdout
    assert stack.sqs.visible(DEAD) == [rejected, *others]
    assert stack.sqs.visible(UNDELIVERED) == [undelivered]


def test_find_shows_no_body_of_a_message(ops: Ops, stack: DeployedStack) -> None:
    stack.sqs.put(DEAD, f'{{"name": "Jane Doe", "id": "{CONVERSATION}"}}')
    stack.logs.write(WORKER_LOG, {"message": f"Jane Doe {CONVERSATION}"})

    assert "Jane Doe" not in ops.run("find", CONVERSATION).output
    assert "Jane Doe" not in ops.run("find", CONVERSATION, "--json").output


def test_a_conversation_that_nobody_knows_is_a_problem(ops: Ops, stack: DeployedStack) -> None:
    stack.dynamodb.put_end("another")

    result = ops.run("find", CONVERSATION)

    assert result.exit_code == 1
    assert "Nothing is known" in result.stdout
    assert "queue-ends backfill" in result.stdout


def test_a_conversation_that_the_ledger_has_forgotten_is_found_in_the_log(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.logs.write(WORKER_LOG, end_line(CONVERSATION))

    result = ops.run("find", CONVERSATION)

    assert result.exit_code == 0
    assert "Only the log mentions it" in result.stdout


@pytest.mark.parametrize("conversation", ["", " ", "#join", "x" * 3000])
def test_a_text_that_is_no_conversation_id_is_not_looked_for(
    ops: Ops, stack: DeployedStack, conversation: str
) -> None:
    assert ops.run("find", conversation).exit_code == 2
    assert stack.dynamodb.calls == []


def test_a_longer_id_is_another_id(ops: Ops, stack: DeployedStack) -> None:
    stack.sqs.put(DEAD, subscription_body(f"{CONVERSATION}-2"))
    stack.logs.write(WORKER_LOG, end_line(f"x{CONVERSATION}"))

    assert ops.run("find", CONVERSATION).exit_code == 1


def test_a_line_with_several_ids_is_shown_once(ops: Ops, stack: DeployedStack) -> None:
    message_ids = [stack.sqs.put(DEAD, BODY) for _ in range(2)]
    stack.logs.write(WORKER_LOG, warning_line(message_ids[0], "failed", message_ids[1]))

    assert len(ops.run_json("find", CONVERSATION)["log_lines"]) == 1


def test_a_log_line_before_since_is_not_looked_for(ops: Ops, stack: DeployedStack) -> None:
    stack.logs.write(WORKER_LOG, end_line(CONVERSATION), int(time.time() - 7200) * 1000)

    assert ops.run("find", CONVERSATION, "--since", "1h").exit_code == 1
    assert ops.run("find", CONVERSATION, "--since", "3h").exit_code == 0


@pytest.mark.parametrize("since", ["1", "h", "0m", "-1h", "1w", "99999999d"])
def test_a_since_that_is_no_duration_is_a_mistake_of_the_command_line(ops: Ops, since: str) -> None:
    result = ops.run("find", CONVERSATION, f"--since={since}")

    assert result.exit_code == 2
    assert "Write it like 90s, 10m, 2h or 3d" in result.output
