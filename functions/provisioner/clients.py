"""The provisioner's clients for AWS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient


@dataclass(frozen=True, slots=True)
class Clients:
    """A client for each AWS service that the provisioner calls."""

    secrets: "SecretsManagerClient"
    eventbridge: "EventBridgeClient"
    cloudformation: "CloudFormationClient"
