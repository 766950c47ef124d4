"""Sends messages to SQS queues for the stand-in, as the AWS account of Genesys Cloud does."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws.emulator import Emulator

ACCOUNT = "765628985471"
"""The AWS account from which Genesys Cloud sends."""
MESSAGES_PER_CALL = 10
"""The most messages that SQS accepts in one call."""
Send = Callable[[str, str, list[str]], None]
"""Sends messages to an SQS queue. The parameters are the queue's ARN, its region, and the messages'
bodies."""


def sqs_sender(emulator: "Emulator", account: str = ACCOUNT) -> Send:
    """Return a function that, as `account`, sends messages to the SQS queues of an emulator.

    The function drops messages to other accounts and regions. It raises botocore's `ClientError` if
    the queue does not exist or its policy does not allow `account` to send, and `RuntimeError` if
    the queue refuses some of the messages.
    """
    sqs = emulator.client("sqs", account)

    def send(arn: str, region: str, bodies: list[str]) -> None:
        owner, name = arn.split(":")[4:]
        if owner != emulator.account or region != emulator.region:
            return
        for start in range(0, len(bodies), MESSAGES_PER_CALL):
            response = sqs.send_message_batch(
                QueueUrl=f"{emulator.endpoint}/{owner}/{name}",
                Entries=[
                    {"Id": str(position), "MessageBody": body}
                    for position, body in enumerate(bodies[start : start + MESSAGES_PER_CALL])
                ],
            )
            if response.get("Failed"):
                raise RuntimeError(f"{arn} refused messages: {response['Failed']}")

    return send
