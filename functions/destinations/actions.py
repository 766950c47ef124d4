"""Your code for the end of a conversation: the file that you edit.

`on_conversation_end` is called for every end of a conversation in one of your queues. When it
returns, the end counts as done here: it is not called for this end again, even if another
destination fails. When it raises, whatever it raises, the message comes back after a growing delay
and this function is called again for this end; after `max_receive_count` tries the message goes to
the dead-letter queue. Its neighbours in the batch are not affected.

Three rules make it dependable:

- Make it safe to repeat. The same end can come again, for instance after a crash between your call
  and its record in the ledger: write with a key such as
  `(end.conversation_id, end.queue_id, end.sequence)` rather than adding up.
- Give every call that leaves the function a timeout. A call of `on_conversation_end` that takes
  longer than 10 seconds is interrupted with a `TimeoutError` and counts as failed. Code that does
  not come back to Python, such as the lookup of a name, is interrupted only when it does.
- Log ids only. `end.raw` and `end.participants` can hold names and phone numbers.

To update a CRM::

    crm = requests.Session()  # at module level, so that connections are reused

    def on_conversation_end(end: ConversationEnd) -> None:
        answer = crm.put(
            f"https://crm.example.com/conversations/{end.conversation_id}",
            json={"queue": end.queue_name, "ended": end.ended_at, "media": end.media_type},
            timeout=5,
        )
        answer.raise_for_status()  # raises: the message is retried

To send a notification (give the worker's role `sns:Publish` on the topic in `infra/worker.py`)::

    sns = boto3.client("sns")

    def on_conversation_end(end: ConversationEnd) -> None:
        if end.media_type == "VOICE" and end.disconnect_type == "ERROR":
            sns.publish(TopicArn=TOPIC, Message=f"Call {end.conversation_id} broke off")

To retry on purpose::

    def on_conversation_end(end: ConversationEnd) -> None:
        record = find_record(end.conversation_id)
        if record is None:
            raise LookupError("the CRM does not know this conversation yet")

Name further packages in `functions/requirements.in`; `make lock` pins them.
"""

from conversations.end import ConversationEnd
from logs import json_logger

logger = json_logger("actions")


def on_conversation_end(end: ConversationEnd) -> None:
    """Handle the end of a conversation in one of your queues.

    Parameters
    ----------
    end
        The conversation's end; see `conversations.end.ConversationEnd` for every field.

    Raises
    ------
    Exception
        Any, to have the end tried again later.
    """
    logger.info("Conversation ended", conversation_id=end.conversation_id, queue_id=end.queue_id)
    # Your code here: update a CRM, feed analytics, send a notification.
