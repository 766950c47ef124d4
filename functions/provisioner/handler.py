"""Lambda entry point of the custom resources."""

from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from genesys import credentials, partner_source
from logs import add_request_id_to_logs, json_logger
from provisioner.answer import send
from provisioner.custom_resource import answer_to

logger = json_logger("provisioner")
secrets = boto3.client("secretsmanager", config=credentials.CLIENT_LIMITS)
events = boto3.client("events", config=partner_source.CLIENT_LIMITS)


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Carry out a request of CloudFormation's and answer it, whatever happens."""
    add_request_id_to_logs(context)
    answer = answer_to(event, context, secrets, events, logger)
    send(answer, event)
