"""The stand-in's sender to SQS, which acts as the AWS account of Genesys Cloud."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws.emulator import Emulator

ACCOUNT = "765628985471"
"""The AWS account from which Genesys Cloud sends."""
SQS_BATCH = 10
Send = Callable[[str, str, list[str]], None]
"""Sends message bodies to the SQS queue with an ARN in a region."""


def sqs_sender(emulator: "Emulator", account: str = ACCOUNT) -> Send:
    """Return a sender to the SQS queues of an emulator that acts as `account`.

    It drops messages to queues of foreign accounts.

    Raises
    ------
    botocore.exceptions.ClientError
        By the sender: the queue does not exist, or its policy does not admit `account`.
    RuntimeError
        By the sender: the queue refused some of the messages.
    """
    sqs = emulator.client("sqs", account)

    def send(arn: str, region: str, bodies: list[str]) -> None:
        owner, name = arn.split(":")[4:]
        if owner != emulator.account or region != emulator.region:
            return
        for start in range(0, len(bodies), SQS_BATCH):
            answer = sqs.send_message_batch(
                QueueUrl=f"{emulator.endpoint}/{owner}/{name}",
                Entries=[
                    {"Id": str(position), "MessageBody": body}
                    for position, body in enumerate(bodies[start : start + SQS_BATCH])
                ],
            )
            if answer.get("Failed"):
                raise RuntimeError(f"{arn} refused messages: {answer['Failed']}")

    return send
