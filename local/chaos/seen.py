"""What can be seen of a run from outside, once it is over."""

from collections.abc import Iterator
from typing import Any

from local.aws.emulator import Emulator
from local.aws.project import Deployment
from local.chaos.account import Account, DeadLetter, LedgerItem
from local.chaos.world import World
from local.receivers.bus import BusRecorder


def messages_in(aws: Emulator, deployment: Deployment) -> int:
    kinds = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = aws.client("sqs").get_queue_attributes(
        QueueUrl=deployment.outputs["QueueUrl"], AttributeNames=kinds
    )
    return sum(int(answer["Attributes"][kind]) for kind in kinds)


def look(world: World, deployment: Deployment, bus: BusRecorder, account: Account) -> None:
    """Enter what can be seen from outside."""
    bus.collect()
    account.arrived = {
        "actions": dict(world.customers.noted),
        "bus": bus.noted,
        "webhook": world.webhook.noted,
    }
    account.forged = world.webhook.forged
    account.ledger = _ledger(world.aws, deployment.outputs["LedgerTableName"])
    account.dead = list(_dead_letters(world.aws, deployment.outputs["DeadLetterQueueUrl"]))
    account.left = messages_in(world.aws, deployment)
    account.calls, account.deaths = world.proxy.calls, world.proxy.deaths
    log = printed(world.aws)
    account.timeouts = log.count("killing worker")
    account.met = log.count('"reason":"claimed_elsewhere"')
    account.struck = world.faults.struck
    account.missing = [f"{fault.kind} {fault.place}" for fault in world.faults.missing()]


def printed(aws: Emulator) -> str:
    """Return what the emulator has printed, the worker's log lines among it."""
    return aws.log_file.read_text(errors="replace")


def _ledger(aws: Emulator, table: str) -> dict[tuple[str, str], LedgerItem]:
    items: list[dict[str, Any]] = []
    for page in aws.client("dynamodb").get_paginator("scan").paginate(TableName=table):
        items += page["Items"]
    return {
        (item["conversation_id"]["S"], item["queue_id"]["S"]): LedgerItem(
            item["state"]["S"], frozenset(name["S"] for name in item["delivered"]["L"])
        )
        for item in items
    }


def _dead_letters(aws: Emulator, queue_url: str) -> Iterator[DeadLetter]:
    while messages := (
        aws.client("sqs")
        .receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=3600,
            MessageAttributeNames=["All"],
        )
        .get("Messages")
    ):
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            source, reason = (
                attributes.get(name, {}).get("StringValue", "")
                for name in ("source_message_id", "reason")
            )
            yield DeadLetter(source, reason, message["Body"])
