"""Lambda entry point of the worker: processes a batch from the intake queue."""

import gc

# Each import makes thousands of objects that stay, and so does the processing of a batch, until its
# end. To look for garbage among them would take a fifth of a cold start's CPU time, and a seventh
# of that of a batch of 1,000.
gc.set_threshold(100_000)

import math
import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from logs import add_request_id_to_logs, json_logger
from time_limit import time_limit
from worker.assembly import assemble
from worker.batch import process
from worker.messages import read_records

logger = json_logger("worker")
dependencies, stage = assemble(os.environ)
gc.freeze()  # What exists by now is never looked at again.
cold_start = True  # until the first batch has been processed


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Process a batch and return a response with the ids of the messages to retry."""
    global cold_start  # noqa: PLW0603 - Lambda keeps the module between invocations
    add_request_id_to_logs(context)
    messages = read_records(event)
    with time_limit(math.inf):  # makes the limits inside cheaper
        report = process(messages, dependencies, context)
    report.write_log(logger)
    report.write_metrics(stage, cold_start=cold_start)
    cold_start = False
    return report.response()
