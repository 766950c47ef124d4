"""JSON loggers at the level of the setting `log_level`."""

import logging
import os
from typing import Protocol

from aws_lambda_powertools import Logger

# If the setting `log_level` is DEBUG, Lambda sets that level for all libraries, and botocore would
# log requests and responses with their secrets. Even at WARNING, urllib3 would log the URL of
# every request that it retries. One of these URLs is CloudFormation's response URL. Anyone who
# knows this URL could respond to CloudFormation in the provisioner's place.
for library in ("boto3", "botocore", "requests", "urllib3"):
    logging.getLogger(library).setLevel(logging.ERROR)

# Keyed by service.
_loggers: dict[str, Logger] = {}


class Invocation(Protocol):
    """The part of Lambda's context object that identifies the invocation."""

    @property
    def aws_request_id(self) -> str: ...


def json_logger(service: str) -> Logger:
    """Create a logger whose lines have the field `service`, for example `actions`."""
    # Location and trace id are left out. They would make up a third of each line, and help nobody.
    logger = Logger(service=service, use_rfc3339=True, location=None, xray_trace_id=None)
    # Powertools would follow Lambda's own log level, even if the setting `log_level` is higher. The
    # stack never sets Lambda's level above INFO, because Lambda would then drop the log lines with
    # metrics. So the level of the setting is set here, on the standard logger.
    logging.getLogger(service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    _loggers[service] = logger
    return logger


def add_request_id_to_logs(invocation: Invocation) -> None:
    """Add the invocation's request id as `function_request_id` to all later lines of all loggers.

    Powertools' `inject_lambda_context` is not used, because it affects only one logger. It would
    also add the function's name, ARN, memory size and cold start to each line. These fields take
    290 bytes; the request id takes 62.
    """
    for logger in _loggers.values():
        logger.append_keys(function_request_id=invocation.aws_request_id)
