"""Lambda entry point of the worker: a batch of the intake queue's messages."""

import os
import time
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from destinations.actions import on_conversation_end
from logs import json_logger
from worker import telemetry
from worker.batch import process
from worker.intake import Intake
from worker.message import Message

STAGE = os.environ["STAGE"]
QUEUE_IDS = frozenset(os.environ["QUEUE_IDS"].split(","))

logger = json_logger("worker")
# Short limits, so that a call that hangs leaves time to report the batch.
sqs = boto3.client(
    "sqs",
    config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2}),
)
intake = Intake(
    sqs,
    queue_url=os.environ["QUEUE_URL"],
    dead_letter_queue_url=os.environ["DEAD_LETTER_QUEUE_URL"],
    retry_delay=int(os.environ["RETRY_DELAY_SECONDS"]),
)
cold_start = True


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Process a batch; return the messages that are to be tried again."""
    global cold_start  # noqa: PLW0603 - Lambda keeps the module between invocations
    report = process(
        [Message.of(record) for record in event["Records"]],
        queue_ids=QUEUE_IDS,
        intake=intake,
        act=on_conversation_end,
        context=context,
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    telemetry.log(report, logger)
    telemetry.emit(report, STAGE, cold_start=cold_start)
    cold_start = False
    return report.response()
