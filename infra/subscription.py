"""The subscription in Genesys Cloud, as a custom resource of the stack."""

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.function import Limits, function
from infra.intake import Intake
from infra.secret import reads_secret
from infra.settings import Settings

EVENT_TYPES = ["event:conversation:end"]


class Subscription(Construct):
    """The custom resource and the function that answers for it.

    CloudFormation invokes the function asynchronously and waits for its answer. It must answer
    before the resource's time is over, and no late retry may make again what was rolled back:
    hence a timeout below the resource's, no retries, and events that are too old after a minute.

    Attributes
    ----------
    resource
        The custom resource; its `SubscriptionId` is Genesys Cloud's id.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: Intake,
    ) -> None:
        super().__init__(scope, construct_id)
        provider = Construct(self, "Provider")
        answers = function(
            provider,
            settings=settings,
            code=code,
            handler="subscription.handler.handler",
            description="Makes, updates and deletes the subscription in Genesys Cloud",
            limits=Limits(
                timeout=Duration.minutes(4),
                memory_mb=256,
                retry_attempts=0,
                max_event_age=Duration.seconds(60),
            ),
            environment={},
            statements=[reads_secret(self, "ReadGenesysCredentials", settings.genesys_secret)],
        )
        self.resource = CustomResource(
            self,
            "Resource",
            service_token=answers.function_arn,
            resource_type="Custom::GenesysSubscription",
            service_timeout=Duration.minutes(5),
            properties={
                "Name": settings.subscription_name,
                "Description": f"Conversation ends for the AWS stack {settings.stack_name}",
                "EventTypes": EVENT_TYPES,
                "AttributeFilter": settings.filter_expression,
                "QueueArn": intake.queue.queue_arn,
                "Region": Stack.of(self).region,
                "SecretName": settings.genesys_secret,
                "LoginUrl": settings.login_url,
                "ApiUrl": settings.api_url,
            },
        )
        # With its settings for asynchronous events, which are a resource of their own.
        self.resource.node.add_dependency(provider)
