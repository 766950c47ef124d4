"""Lambda's handlers and context, and the worker's environment variables."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[[dict[str, Any], Any], Any]
"""Takes an event and the context of an invocation."""
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/queue-ends-dev-intake"
LEDGER_TABLE = "QueueEnds-dev-LedgerTable1A2B3C4D-EFGHIJKLMNOP"


@dataclass(slots=True)
class Context:
    """The context of an invocation that has 30 seconds."""

    function_name: str = "QueueEnds-dev-WorkerFunction"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:worker"
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    _ends_at: float = field(default_factory=lambda: time.monotonic() + 30)

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends_at - time.monotonic()) * 1000)


def environment(destinations: str, queue_ids: str) -> dict[str, str]:
    """Return the variables of the worker, and of the AWS SDK as Lambda sets them."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
        "AWS_SESSION_TOKEN": 400 * "T",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_LAMBDA_FUNCTION_NAME": "QueueEnds-dev-WorkerFunction",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "STAGE": "dev",
        "QUEUE_IDS": queue_ids,
        "QUEUE_URL": QUEUE_URL,
        "DEAD_LETTER_QUEUE_URL": f"{QUEUE_URL[:-6]}dead",
        "RETRY_DELAY_SECONDS": "30",
        "LEDGER_TABLE": LEDGER_TABLE,
        "LEDGER_DAYS": "50",
        "DESTINATIONS": destinations,
        "ENDS_BUS": "QueueEndsdevEndsBus1A2B3C4D",
        "POWERTOOLS_SERVICE_NAME": "worker",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
