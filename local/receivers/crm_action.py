"""An `actions.py` as a user could write it, which calls the CRM in crm.py."""

import os

import requests

from conversations.end import ConversationEnd
from logs import json_logger

logger = json_logger("actions")
crm = requests.Session()
crm_url = os.environ["QUEUE_ENDS_CRM_URL"]


def on_conversation_end(end: ConversationEnd) -> None:
    """Record an end in the CRM; if the CRM refuses the end, raise an error to cause a retry."""
    response = crm.put(
        f"{crm_url}/conversations/{end.conversation_id}/queues/{end.queue_id}/ends/{end.end_id}",
        data=end.as_json(include_raw=False),
        headers={"Content-Type": "application/json"},
        timeout=5,
    )
    response.raise_for_status()
    logger.info("Recorded in the CRM", conversation_id=end.conversation_id, queue_id=end.queue_id)
