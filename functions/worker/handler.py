"""Lambda entry point of the worker: a batch of the intake queue's messages."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from logs import json_logger, tag_lines
from worker.assembly import assemble
from worker.batch import process
from worker.messages import Message

logger = json_logger("worker")
parts, stage = assemble(os.environ)
cold_start = True


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Process a batch; return the messages that are to be tried again."""
    global cold_start  # noqa: PLW0603 - Lambda keeps the module between invocations
    tag_lines(context)
    report = process([Message.of(record) for record in event["Records"]], parts, context)
    report.write_log(logger)
    report.write_metrics(stage, cold_start=cold_start)
    cold_start = False
    return report.response()
