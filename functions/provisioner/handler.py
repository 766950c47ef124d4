"""Lambda entry point of the provisioner."""

from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from deadline import Deadline
from genesys import credentials, partner_source
from logs import add_request_id_to_logs, json_logger
from provisioner.clients import Clients
from provisioner.custom_resource import handle_request
from provisioner.response import AFTER_RESPONSE_SECONDS, check_response_url, send
from resources.stack_status import CLOUDFORMATION_CONFIG

logger = json_logger("provisioner")
clients = Clients(
    secrets=boto3.client("secretsmanager", config=credentials.SECRETS_MANAGER_CONFIG),
    eventbridge=boto3.client("events", config=partner_source.EVENTBRIDGE_CONFIG),
    cloudformation=boto3.client("cloudformation", config=CLOUDFORMATION_CONFIG),
)


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Carry out a CloudFormation request and send the response, even after an error."""
    add_request_id_to_logs(context)
    check_response_url(event)
    response = handle_request(event, context, clients, logger)
    send(response, event, Deadline.before_timeout(context, AFTER_RESPONSE_SECONDS))
