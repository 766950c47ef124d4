"""Your code for the end of a conversation. This is the file to edit.

`on_conversation_end` is called for every end of a conversation in one of your queues. If the
function returns, the end counts as delivered to `actions`, and a retry for another destination does
not call the function again. If the function raises any exception, the message that reported the end
is retried after a growing delay, and the function is called for the end again. After
`max_receive_count` receives, the message moves to the dead-letter queue. The other ends in the
batch are not affected.

Three rules make your code dependable:

- Make the function safe to repeat. It can be called twice for the same end, for instance if the
  worker crashes after the call and before the ledger records the delivery. Write under
  `end.end_id` as the key, instead of incrementing a counter.
- Give every network call a timeout. If `on_conversation_end` takes longer than 10 seconds, it is
  interrupted with a `TimeoutError`, and the end counts as failed. Code that blocks outside Python,
  such as a DNS lookup, is interrupted only once it is back in Python.
- Log ids only. `end.raw` and `end.participants` can hold names and phone numbers.

To update a CRM::

    crm = requests.Session()  # at module level, so that connections are reused

    def on_conversation_end(end: ConversationEnd) -> None:
        response = crm.put(
            f"https://crm.example.com/conversation-ends/{end.end_id}",
            json={"conversation": end.conversation_id, "ended": end.ended_at},
            timeout=5,
        )
        response.raise_for_status()  # raises if the update failed, so that the end is retried

To send a notification, first allow the worker's role in `infra/worker.py` to call `sns:Publish` on
the SNS topic::

    sns = boto3.client("sns")

    def on_conversation_end(end: ConversationEnd) -> None:
        if end.media_type == "VOICE" and end.disconnect_type == "ERROR":
            sns.publish(TopicArn=TOPIC_ARN, Message=f"Call {end.conversation_id} was cut off")

To request a retry::

    def on_conversation_end(end: ConversationEnd) -> None:
        record = find_record(end.conversation_id)
        if record is None:
            raise LookupError("the CRM does not know this conversation yet")

If your code needs another package, add it to `functions/requirements.in` and run `make lock`, which
pins it and all that it requires. Modules of yours can be beside this file (`from .crm import ...`).
All of this can also be in a folder of your own, outside of this repository: docs/actions.md.
"""

from conversations.end import ConversationEnd
from logs import json_logger

logger = json_logger("actions")


def on_conversation_end(end: ConversationEnd) -> None:
    """Handle the end of a conversation in one of your queues.

    Parameters
    ----------
    end
        The end; `conversations.end.ConversationEnd` documents every field. Do not change its lists
        and objects: other destinations get the same end at the same time.

    Raises
    ------
    Exception
        Any exception. The end is then retried later.
    """
    logger.info("Conversation ended", conversation_id=end.conversation_id, queue_id=end.queue_id)
    # Your code here: update a CRM, feed analytics, send a notification.
