"""The subscription in Genesys Cloud, as a custom resource of the stack."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.delivery.provider import Provider
from infra.intake_queues import IntakeQueues
from infra.settings.settings import Settings

RESOURCE_TYPE = "Custom::GenesysSubscription"
EVENT_TYPES = ["event:conversation:end"]


class SubscriptionSource(Construct):
    """The custom resource and the function that answers for it.

    Attributes
    ----------
    resource
        The custom resource; its `SubscriptionId` is Genesys Cloud's id.
    function
        The function that answers for it.
    deployed
        Its type and its properties: what should be in Genesys Cloud.
    statements
        What a function that looks at it must be allowed to do in AWS: nothing.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
    ) -> None:
        super().__init__(scope, construct_id)
        provider = Provider(self, "Provider", settings=settings, code=code, makes="subscription")
        self.function = provider.function
        properties = {
            "Name": settings.subscription_name,
            "Description": f"Conversation ends for the AWS stack {settings.stack_name}",
            "EventTypes": EVENT_TYPES,
            "AttributeFilter": settings.filter_expression,
            "QueueArn": intake.queue.queue_arn,
            "Region": Stack.of(self).region,
            "SecretName": settings.genesys_secret,
            "LoginUrl": settings.login_url,
            "ApiUrl": settings.api_url,
        }
        self.deployed: Mapping[str, Any] = {
            "ResourceType": RESOURCE_TYPE,
            "ResourceProperties": properties,
        }
        self.statements: Sequence[iam.PolicyStatement] = ()
        self.resource = provider.resource(self, "Resource", RESOURCE_TYPE, properties)
