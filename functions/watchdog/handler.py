"""Lambda entry point of the watchdog: is Genesys Cloud still as it was deployed?"""

import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from genesys import credentials, partner_source
from logs import add_request_id_to_logs, json_logger
from watchdog.deployed import Deployed
from watchdog.watch import watch

logger = json_logger("watchdog")
deployed = Deployed.of(os.environ)
secrets = boto3.client("secretsmanager", config=credentials.CLIENT_LIMITS)
events = boto3.client("events", config=partner_source.CLIENT_LIMITS)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compare now, whatever the event is; return whether all is well, and the differences."""
    add_request_id_to_logs(context)
    return watch(deployed, context, secrets, events, logger)
