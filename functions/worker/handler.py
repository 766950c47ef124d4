"""Lambda entry point of the worker: a batch of the intake queue's messages."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from logs import json_logger
from worker import telemetry
from worker.batch import process
from worker.environment import Environment, now_ms
from worker.message import Message

logger = json_logger("worker")
given = Environment.of(os.environ)
cold_start = True


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Process a batch; return the messages that are to be tried again."""
    global cold_start  # noqa: PLW0603 - Lambda keeps the module between invocations
    report = process(
        [Message.of(record) for record in event["Records"]],
        reader=given.reader,
        intake=given.intake,
        ledger=given.ledger,
        destinations=given.destinations,
        context=context,
        now_ms=now_ms,
    )
    telemetry.log(report, logger)
    telemetry.emit(report, given.stage, cold_start=cold_start)
    cold_start = False
    return report.response()
