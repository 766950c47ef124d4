"""The action of `make chaos`. The CRM can make it hang, by answering 418.

The action sends its process id to the CRM.
"""

import os
import signal
import time

import requests

from conversations.end import ConversationEnd

# The worker imports this module before it creates its AWS clients. The clients then send the pid
# with each call.
os.environ["AWS_SDK_UA_APP_ID"] = f"pid-{os.getpid()}"
crm = requests.Session()
crm.headers["X-Pid"] = str(os.getpid())
crm_url = os.environ["QUEUE_ENDS_CRM_URL"]


def on_conversation_end(end: ConversationEnd) -> None:
    """Record the end in the CRM; raise if the CRM refuses it, so that the message is retried."""
    answer = crm.put(
        f"{crm_url}/conversations/{end.conversation_id}/queues/{end.queue_id}/ends/{end.end_id}",
        data=end.as_json(include_raw=False),
        headers={"Content-Type": "application/json"},
        timeout=5,
    )
    if answer.status_code == 418:
        # Block the alarm of the worker's time limit: only the function's timeout ends the sleep.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(600)
    answer.raise_for_status()
