"""The function that makes, changes and deletes our part in Genesys Cloud for CloudFormation."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.findings import acknowledge
from infra.function import InvocationLimits, Needs, function
from infra.secret import reads_genesys_secret
from infra.settings.settings import Settings


class Provider(Construct):
    """The function, and the custom resources that it answers for.

    CloudFormation invokes the function asynchronously and waits for its answer. It must answer
    within the resource's timeout, and no late retry may make again a thing that was rolled back.
    So its own timeout is shorter, Lambda retries nothing, and events expire after a minute.

    Parameters
    ----------
    makes
        The noun for the thing that it makes in Genesys Cloud.
    needs
        Its needs beside reading its secret.

    Attributes
    ----------
    function
        The Lambda function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        makes: str,
        needs: Sequence[Needs] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = function(
            self,
            settings=settings,
            code=code,
            handler="provisioner.handler.handler",
            description=f"Makes, updates and deletes the {makes} in Genesys Cloud",
            limits=InvocationLimits(
                timeout=Duration.minutes(4),
                memory_mb=256,
                retry_attempts=0,
                max_event_age=Duration.seconds(60),
            ),
            needs=[reads_genesys_secret(self, settings), *needs],
        )
        reason = (
            "CloudFormation reports a request that was not answered, and rolls back: nothing may "
            "carry it out later."
        )
        acknowledge(
            self.function,
            {"Serverless-LambdaDLQ": reason, "Serverless-LambdaAsyncFailureDestination": reason},
        )

    def resource(
        self, scope: Construct, construct_id: str, resource_type: str, properties: Mapping[str, Any]
    ) -> CustomResource:
        """Make a custom resource that the function answers for."""
        resource = CustomResource(
            scope,
            construct_id,
            service_token=self.function.function_arn,
            resource_type=resource_type,
            service_timeout=Duration.minutes(5),
            properties=properties,
        )
        # On all of this, as the function's settings for asynchronous events are a resource too.
        resource.node.add_dependency(self)
        return resource
