"""`queue-ends forget`: a conversation is removed, and nothing else."""

import json
import shlex
from typing import Any

import pytest

from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import (
    DEAD,
    INTAKE,
    QUEUES,
    UNDELIVERED,
    WATCHDOG_LOG,
    WORKER_LOG,
    DeployedStack,
)

CONVERSATION = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "1f8fad5b-d9cb-469f-a165-70867728950e"


def body_of(conversation_id: str, **more: Any) -> str:
    return json.dumps({"attributes": {"conversationId": conversation_id, **more}})


BODIES = (
    body_of(CONVERSATION),
    body_of(CONVERSATION.upper()),
    json.dumps({"detail": {"eventBody": {"conversationId": CONVERSATION}}}),
    json.dumps({"detail-type": "queue-ends.settle", "detail": {"conversationId": CONVERSATION}}),
    json.dumps({"queueEndsDelayedEnd": {"conversationId": CONVERSATION}}),
)
STRANGE_BODIES = (
    "",
    "not JSON",
    "[" * 100_000,
    "[]",
    '{"detail": []}',
    '{"attributes": {"conversationId": 7}}',
    body_of(OTHER),
    body_of(OTHER, transferredFrom=CONVERSATION),
    f"broken {CONVERSATION}",
)


def test_all_items_and_messages_of_the_conversation_go_and_others_stay(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.add_undelivered_queue()
    for conversation_id in (CONVERSATION, OTHER):
        stack.dynamodb.put_end(conversation_id)
        stack.dynamodb.put_end(conversation_id, QUEUES[0] + "#2")
        stack.dynamodb.put_end(conversation_id, QUEUES[1], state="claimed")
        stack.dynamodb.put_join(conversation_id, 1_795_428_000_000)
    for body in BODIES:
        stack.sqs.put(DEAD, body)
        stack.sqs.put(UNDELIVERED, body)
    kept = [stack.sqs.put(DEAD, body) for body in STRANGE_BODIES]

    forgotten = ops.run_json("forget", CONVERSATION, "--yes")

    assert forgotten["deleted"] == {"ledger": 4, "dead-letter": 5, "undelivered": 5}
    assert [item["conversation_id"]["S"] for item in stack.dynamodb.items] == [OTHER] * 4
    assert stack.sqs.visible(DEAD) == kept
    assert stack.sqs.queues[UNDELIVERED] == []
    assert forgotten["messages_that_mention_it"] == {"dead-letter": kept[-2:], "undelivered": []}


def test_nothing_is_forgotten_without_a_confirmation(ops: Ops, stack: DeployedStack) -> None:
    stack.dynamodb.put_end(CONVERSATION)
    stack.sqs.put(DEAD, BODIES[0])

    result = ops.run("forget", CONVERSATION)

    assert result.exit_code == 2
    assert "AWS account 123456789012" in " ".join(result.output.split())
    assert len(stack.dynamodb.items) == len(stack.sqs.queues[DEAD]) == 1


@pytest.mark.parametrize("conversation", ["", " ", "#requests", "#backfill"])
def test_the_stacks_own_items_cannot_be_forgotten(
    ops: Ops, stack: DeployedStack, conversation: str
) -> None:
    stack.dynamodb.put_end("#requests", "#requests")

    assert ops.run("forget", conversation, "--yes").exit_code == 2
    assert len(stack.dynamodb.items) == 1


def test_an_item_that_the_worker_writes_meanwhile_goes_too(ops: Ops, stack: DeployedStack) -> None:
    stack.dynamodb.put_end(CONVERSATION)
    late = [QUEUES[1]]

    def write_again() -> None:
        if late:
            stack.dynamodb.put_end(CONVERSATION, late.pop())

    stack.dynamodb.after_delete = write_again

    assert ops.run_json("forget", CONVERSATION, "--yes")["deleted"]["ledger"] == 2
    assert stack.dynamodb.items == []


def test_items_that_are_written_again_and_again_are_a_problem(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.dynamodb.put_end(CONVERSATION)
    stack.dynamodb.after_delete = lambda: stack.dynamodb.put_end(CONVERSATION)

    result = ops.run("forget", CONVERSATION, "--yes")

    assert result.exit_code == 1
    assert "goes on recording" in result.output


def test_a_full_intake_queue_is_left_alone_and_mentioned(ops: Ops, stack: DeployedStack) -> None:
    message = stack.sqs.put(INTAKE, BODIES[0])

    result = ops.run("forget", CONVERSATION, "--yes")

    assert "The intake queue has 1 message." in result.stdout
    assert stack.sqs.visible(INTAKE) == [message]


def test_messages_that_somebody_else_reads_make_forgetting_incomplete(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.sqs.put(DEAD, BODIES[0])
    stack.sqs.receive_message(QueueUrl=DEAD, MaxNumberOfMessages=1)

    result = ops.run("forget", CONVERSATION, "--yes")

    assert result.exit_code == 1
    assert "Somebody else is reading 1 message of the dead-letter queue" in result.stdout


def test_the_places_where_copies_remain_are_named_with_commands(
    ops: Ops, stack: DeployedStack
) -> None:
    stack.cloudformation.outputs["ArchiveBucketName"] = "queue-ends-archive-bucket"
    stack.cloudformation.resources["EventSourceArchive4A"] = ("AWS::Events::Archive", "the-archive")

    result = ops.run("forget", CONVERSATION, "--yes")

    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert f"WHERE conversation_id = '\"'\"'{CONVERSATION}'\"'\"''" in text
    assert "aws s3 cp s3://queue-ends-archive-bucket/ends/DAY/FILE" in text
    for log_group in (WORKER_LOG, WATCHDOG_LOG):
        assert f"--log-group-name {log_group} --filter-pattern '\"{CONVERSATION}\"'" in text
    assert "aws events delete-archive --archive-name the-archive" in text
    for words in ("35 by default", "actions, bus", "dlq drop", "counts as a new end"):
        assert words in text


def test_a_stack_without_archives_names_none(ops: Ops, stack: DeployedStack) -> None:
    forgotten = ops.run_json("forget", CONVERSATION, "--yes")

    places = [leftover["place"] for leftover in forgotten["leftovers"]]
    assert not [place for place in places if "rchive" in place]


def test_a_hostile_id_stays_one_word_of_the_commands(ops: Ops, stack: DeployedStack) -> None:
    stack.cloudformation.outputs["ArchiveBucketName"] = "bucket"

    forgotten = ops.run_json("forget", "x'; rm -rf ~ #", "--yes")

    commands = [line for leftover in forgotten["leftovers"] for line in leftover["commands"]]
    assert any("rm -rf" in line for line in commands)
    for line in commands:
        assert "rm" not in shlex.split(line)


def test_messages_come_back_if_a_deletion_fails(
    ops: Ops, stack: DeployedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [stack.sqs.put(DEAD, BODIES[0]), stack.sqs.put(DEAD, "other")]

    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack.sqs, "delete_message", interrupt)

    assert ops.run("forget", CONVERSATION, "--yes").exit_code == 130
    assert stack.sqs.visible(DEAD) == kept
