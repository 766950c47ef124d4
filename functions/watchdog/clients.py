"""The watchdog's clients for AWS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Clients:
    """A client for each AWS service that the watchdog calls."""

    secrets: "SecretsManagerClient"
    eventbridge: "EventBridgeClient"
    cloudformation: "CloudFormationClient"
    sqs: "SQSClient"
    dynamodb: "DynamoDBClient"
