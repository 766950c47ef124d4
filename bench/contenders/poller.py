"""A polling worker: a process that receives messages, handles them and deletes them one by one.

It remembers nothing, so it handles a repeated event again.
"""

import json
from typing import Any

from bench.contenders.ends import find_end, put_on_bus
from bench.world.invocation import QUEUE_URL


def poll_once(sqs: Any, eventbridge: Any | None = None, queue_url: str = QUEUE_URL) -> int:
    """Receive up to ten messages, handle and delete them; return how many were received.

    Parameters
    ----------
    eventbridge
        A client, if each end is put on a bus.
    """
    response = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    messages = response.get("Messages", [])
    for message in messages:
        try:
            if end := find_end(json.loads(message["Body"])):
                print(f"Conversation {end['conversationId']} ended in queue {end['queueId']}")
                if eventbridge:
                    put_on_bus(eventbridge, message["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        except Exception as error:  # noqa: BLE001 - the message comes back, the others go on
            print(f"Message {message['MessageId']} failed: {error}")
    return len(messages)
