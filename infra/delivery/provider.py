"""The custom resource provider, which manages the Genesys Cloud resource for CloudFormation."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ..findings import acknowledge
from ..function.function import InvocationLimits, make_function
from ..function.own_stack import own_stack_status_requirements
from ..function.requirements import Requirements
from ..function.secret import genesys_secret_requirements
from ..settings.settings import Settings

_TIMEOUT = Duration.minutes(4)
_MAX_START_DELAY = Duration.minutes(1)


class Provider(Construct):
    """The provisioner's function, and the custom resources that it handles.

    If CloudFormation gets no response before the custom resource's timeout, it rolls back. A late
    invocation would undo the rollback. So Lambda drops an invocation that cannot start in time, and
    does not retry a failed one.

    Parameters
    ----------
    noun
        The word for the resource, such as `integration`, in the function's description and in the
        role's name (see `make_role`).
    requirements
        The function's requirements besides the permissions to read the Genesys Cloud secret and the
        status of the stack.

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
        noun: str,
        requirements: Sequence[Requirements] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = make_function(
            self,
            settings=settings,
            code=code,
            noun=noun,
            handler="provisioner.handler.handler",
            description=f"Makes, updates and deletes the {noun} in Genesys Cloud",
            limits=InvocationLimits(
                timeout=_TIMEOUT,
                memory_mb=256,
                retry_attempts=0,
                max_event_age=_MAX_START_DELAY,
            ),
            requirements=[
                genesys_secret_requirements(self, settings),
                own_stack_status_requirements(self),
                *requirements,
            ],
        )
        reason = (
            "If a request gets no response, CloudFormation rolls back, and nothing may carry out "
            "the request later."
        )
        acknowledge(
            self.function,
            {"Serverless-LambdaDLQ": reason, "Serverless-LambdaAsyncFailureDestination": reason},
        )

    def make_custom_resource(
        self, scope: Construct, construct_id: str, resource_type: str, properties: Mapping[str, Any]
    ) -> CustomResource:
        """Make a custom resource that the function handles."""
        custom_resource = CustomResource(
            scope,
            construct_id,
            service_token=self.function.function_arn,
            resource_type=resource_type,
            service_timeout=_MAX_START_DELAY.plus(_TIMEOUT),
            properties=properties,
        )
        # `self` includes the function's limits for asynchronous invocations, which are a separate
        # CloudFormation resource.
        custom_resource.node.add_dependency(self)
        return custom_resource
