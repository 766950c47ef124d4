"""Lambda entry point of the watchdog."""

import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws_calls import client_config
from genesys import credentials, partner_source
from logs import add_request_id_to_logs, json_logger
from resources.stack_status import CLOUDFORMATION_CONFIG
from watchdog.clients import Clients
from watchdog.deployment import Deployment
from watchdog.watch import Backfills, watch

logger = json_logger("watchdog")
deployment = Deployment.from_environment(os.environ)
clients = Clients(
    secrets=boto3.client("secretsmanager", config=credentials.SECRETS_MANAGER_CONFIG),
    eventbridge=boto3.client("events", config=partner_source.EVENTBRIDGE_CONFIG),
    cloudformation=boto3.client("cloudformation", config=CLOUDFORMATION_CONFIG),
    sqs=boto3.client("sqs", config=client_config()),
    dynamodb=boto3.client("dynamodb", config=client_config()),
)
backfill: Backfills | None = None
if deployment.backfill:
    # Without the backfill, nothing of this is imported.
    from watchdog.backfill_step import BackfillStep

    backfill = BackfillStep(deployment, deployment.backfill, clients, logger)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compare Genesys Cloud with the deployment, and heal it; return the result of `watch`."""
    add_request_id_to_logs(context)
    return watch(deployment, context, clients, logger, backfill=backfill)
