"""JSON log lines, at the level that the setting `log_level` names."""

import logging
import os

from aws_lambda_powertools import Logger

# At DEBUG botocore writes requests and answers as they are, secrets among them; Lambda's own level,
# which is theirs, is DEBUG when the setting is. And urllib3 warns of every retry, with the URL: who
# reads CloudFormation's could answer in our place.
for library in ("boto3", "botocore", "requests", "urllib3"):
    logging.getLogger(library).setLevel(logging.ERROR)


def json_logger(service: str) -> Logger:
    """Return the logger of a part of the project; its lines carry the part's name as `service`."""
    # Neither tells what the message does not, and together they would be a third of a line.
    logger = Logger(service=service, use_rfc3339=True, location=None, xray_trace_id=None)
    # Powertools gives way to the level at which Lambda drops lines. That one stays at INFO, since
    # lines of metrics count as INFO, so that a higher level has to be set past Powertools.
    logging.getLogger(service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    return logger
