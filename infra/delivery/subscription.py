"""Delivery `subscription`: Genesys Cloud sends events directly to the intake queue."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IDependable

from conversations.subscription_event import EVENT_TYPE

from ..function.requirements import Requirements
from ..intake_queues import IntakeQueues
from ..monitoring.monitored_resources import MonitoredSource
from ..settings.settings import Settings
from .provider import Provider
from .queue_names import QueueNames
from .source import Source

RESOURCE_TYPE = "Custom::GenesysSubscription"


class SubscriptionSource(Source):
    """The subscription, and Genesys Cloud's permission to send to the intake queue."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
    ) -> None:
        super().__init__(scope, "Subscription")
        self._intake = intake
        intake.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="GenesysCloudSends",
                principals=[iam.AccountPrincipal(settings.genesys_account)],
                actions=["sqs:SendMessage"],
                resources=[intake.queue.queue_arn],
            )
        )
        provider = Provider(self, "Provider", settings=settings, code=code, noun="subscription")
        stack = Stack.of(self)
        properties = {
            "Name": settings.resource_name,
            "Description": f"Conversation ends for the AWS stack {stack.stack_name} "
            f"(account {stack.account}, region {stack.region})",
            "EventTypes": [EVENT_TYPE],
            "AttributeFilter": settings.filter_expression,
            "QueueArn": intake.queue.queue_arn,
            "Region": stack.region,
            "SecretName": settings.genesys_secret,
            "LoginUrl": settings.login_url,
            "ApiUrl": settings.api_url,
        }
        self.custom_resource = provider.make_custom_resource(
            self, "Resource", RESOURCE_TYPE, properties
        )
        self.resource_id = self.custom_resource.get_att_string("SubscriptionId")
        self.queue_names = QueueNames(self, settings=settings, provider=provider)
        # Genesys Cloud itself decides which ends there are.
        self.backfill_rule = "conversation"
        self.worker_requirements = Requirements({"DELIVERY": "subscription"})
        self.watchdog_requirements = Requirements(
            self.expected_resource_environment(RESOURCE_TYPE, properties)
        )
        self.monitored_source = MonitoredSource(
            provisioner=provider.function, queue_labels=self.queue_names.labels
        )

    def order_deployment(self, prerequisites: Sequence[IDependable], monitoring: Construct) -> None:
        """Create the subscription after everything else, except the watchdog's schedule."""
        self.custom_resource.node.add_dependency(self._intake, monitoring, *prerequisites)
