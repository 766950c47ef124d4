"""The action of `make chaos`: a CRM's, which says whose call it is and can make it hang."""

import os
import signal
import time

import requests

from conversations.end import ConversationEnd

# The clients of AWS are made after this module was imported, and tell it with each call.
os.environ["AWS_SDK_UA_APP_ID"] = f"pid-{os.getpid()}"
crm = requests.Session()
crm.headers["X-Pid"] = str(os.getpid())
crm_url = os.environ["QUEUE_ENDS_CRM_URL"]


def on_conversation_end(end: ConversationEnd) -> None:
    """Note the end in the CRM; its refusal raises, so that the message is tried again."""
    answer = crm.put(
        f"{crm_url}/conversations/{end.conversation_id}/queues/{end.queue_id}",
        json={"ended_at": end.ended_at, "media_type": end.media_type},
        timeout=5,
    )
    if answer.status_code == 418:
        # Nothing interrupts this but the function's timeout.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(600)
    answer.raise_for_status()
