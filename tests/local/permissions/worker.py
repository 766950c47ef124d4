"""Journeys of the worker, of its event source mapping and of its destinations."""

import json
from typing import Any

from local.traffic.analytics import analytics_of
from local.traffic.both_ways import subscription_events_of
from local.traffic.eventbridge import Conversation
from local.traffic.subscription import QUEUES
from tests.local.permissions.deployed import Log, Stack, new_conversation
from tests.polling import wait_until


def is_delivered(stack: Stack) -> None:
    """An end gets its details and goes to all destinations."""
    conversation = new_conversation()
    _send(stack, conversation)
    _carry(stack)
    _check_done(stack, conversation)


def is_delivered_after_a_cold_start(stack: Stack) -> None:
    """An end is delivered by a worker that has read no secret yet."""
    stack.restart("worker")
    try:
        is_delivered(stack)
    finally:
        # After a failed login, no worker asks Genesys Cloud for details for some seconds.
        stack.restart("worker")


def is_a_duplicate(stack: Stack) -> None:
    """An end that is reported again is recognised."""
    conversation = new_conversation()
    for _ in range(2):
        _send(stack, conversation)
        _carry(stack)
    _check_done(stack, conversation)


def awaits_details(stack: Stack) -> None:
    """An end whose details are not there yet is put off by a delayed message."""
    _send(stack, new_conversation(), has_details=False)
    _carry(stack)


def is_rejected(stack: Stack) -> None:
    """A message that can never succeed is moved to the dead-letter queue."""
    sqs, outputs = stack.client("sqs"), stack.deployment.outputs
    body = json.dumps({"broken": new_conversation().id})[:-1]
    sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody=body)
    record, *_ = _receive(stack)
    failed, log = _invoke(stack, [record])
    assert not failed, log.text
    assert not log.shows_refusal, log.text
    dead = sqs.receive_message(QueueUrl=outputs["DeadLetterQueueUrl"]).get("Messages", [])
    assert [message["Body"] for message in dead] == [body]
    counts = sqs.get_queue_attributes(
        QueueUrl=outputs["QueueUrl"], AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert set(counts.values()) == {"0"}


def is_retried(stack: Stack) -> None:
    """An end whose destination fails comes back after its delay."""
    conversation = new_conversation()
    stack.world.customers.refusals[conversation.id] = 1
    _send(stack, conversation)
    failing: list[str] = []
    while not failing and (records := _receive(stack)):
        failing, log = _invoke(stack, records)
        assert not log.shows_refusal, log.text
        _delete(stack, [one for one in records if one["messageId"] not in failing])
    assert failing
    (record,) = _receive(stack, wait_seconds=20)
    assert record["messageId"] in failing
    _delete(stack, [record])


def is_received(stack: Stack) -> None:
    """The event source mapping reads the intake queue and invokes the worker."""
    old_result = stack.mapping()["LastProcessingResult"]
    stack.set_mapping(enabled=True)
    try:
        conversation = new_conversation()
        _send(stack, conversation)

        def is_over() -> bool:
            result = stack.mapping()["LastProcessingResult"]
            assert result == old_result or not result.startswith("PROBLEM"), result
            return _states(stack, conversation) == {"done"}

        wait_until(is_over, "the end to be done")
    finally:
        stack.set_mapping(enabled=False)


def _send(stack: Stack, conversation: Conversation, *, has_details: bool = True) -> None:
    """Have Genesys Cloud send a conversation's end by the stack's delivery."""
    genesys = stack.world.genesys
    if has_details:
        genesys.analytics.add(analytics_of(conversation.events, QUEUES))
    if stack.delivery == "subscription":
        events = subscription_events_of(conversation, conversation.ends["touched"])
        genesys.publish_all(event.body for event in events)
    else:
        genesys.publish_partner_events(conversation.events)


def _carry(stack: Stack) -> None:
    """Do as the event source mapping does, until no message can be received."""
    while records := _receive(stack):
        failed, log = _invoke(stack, records)
        _delete(stack, records)
        assert not failed, log.text
        assert not log.shows_refusal, log.text


def _receive(stack: Stack, wait_seconds: int = 0) -> list[dict[str, Any]]:
    """Receive messages from the intake queue; return them as Lambda passes them on."""
    messages = stack.client("sqs").receive_message(
        QueueUrl=stack.deployment.outputs["QueueUrl"],
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        WaitTimeSeconds=wait_seconds,
    )
    return [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": stack.deployment.outputs["QueueArn"],
        }
        for message in messages.get("Messages", [])
    ]


def _invoke(stack: Stack, records: list[dict[str, Any]]) -> tuple[list[str], Log]:
    """Invoke the worker; return the ids of the messages that failed, and its log."""
    answer, log = stack.invoke("worker", {"Records": records})
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]], log


def _delete(stack: Stack, records: list[dict[str, Any]]) -> None:
    url = stack.deployment.outputs["QueueUrl"]
    for record in records:
        stack.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])


def _check_done(stack: Stack, conversation: Conversation) -> None:
    assert _states(stack, conversation) == {"done"}
    details = [
        end["details"]
        for end in stack.world.webhook.ends
        if end["conversation_id"] == conversation.id
    ]
    assert set(details) == {"complete"}, details


def _states(stack: Stack, conversation: Conversation) -> set[str]:
    """Return the states of a conversation's ends in the ledger."""
    found = stack.client("dynamodb").query(
        TableName=stack.deployment.outputs["LedgerTableName"],
        KeyConditionExpression="conversation_id = :id",
        ExpressionAttributeValues={":id": {"S": conversation.id}},
        ConsistentRead=True,
    )
    return {item["state"]["S"] for item in found["Items"] if "state" in item}
