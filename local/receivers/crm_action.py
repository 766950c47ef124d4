"""The demo's action: an `actions.py` as its user writes it, for a CRM that the demo plays."""

import os

import requests

from conversations.end import ConversationEnd
from logs import json_logger

logger = json_logger("actions")
crm = requests.Session()
crm_url = os.environ["QUEUE_ENDS_CRM_URL"]


def on_conversation_end(end: ConversationEnd) -> None:
    """Note the end in the CRM; its refusal raises, so that the message is tried again."""
    answer = crm.put(
        f"{crm_url}/conversations/{end.conversation_id}/queues/{end.queue_id}",
        json={"ended_at": end.ended_at, "media_type": end.media_type},
        timeout=5,
    )
    answer.raise_for_status()
    logger.info("Noted in the CRM", conversation_id=end.conversation_id, queue_id=end.queue_id)
