"""The demo's action: an `actions.py` such as a user writes, which calls the demo's CRM."""

import os

import requests

from conversations.end import ConversationEnd
from logs import json_logger

logger = json_logger("actions")
crm = requests.Session()
crm_url = os.environ["QUEUE_ENDS_CRM_URL"]


def on_conversation_end(end: ConversationEnd) -> None:
    """Record the end in the CRM; raise if the CRM refuses it, so that the message is retried."""
    answer = crm.put(
        f"{crm_url}/conversations/{end.conversation_id}/queues/{end.queue_id}",
        json={"ended_at": end.ended_at, "media_type": end.media_type},
        timeout=5,
    )
    answer.raise_for_status()
    logger.info("Recorded in the CRM", conversation_id=end.conversation_id, queue_id=end.queue_id)
