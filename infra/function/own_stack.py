"""The permission of a function to read the status of its own stack."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ..findings import wildcard_finding
from .requirements import Requirements


def own_stack_status_requirements(scope: Construct) -> Requirements:
    """Return what a function needs to read the status of the stack that it is part of."""
    stack = Stack.of(scope)
    arn = stack.format_arn(
        service="cloudformation",
        resource="stack",
        resource_name=f"{stack.stack_name}/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    statement = iam.PolicyStatement(
        sid="ReadOwnStackStatus", actions=["cloudformation:DescribeStacks"], resources=[arn]
    )
    reason = "After the stack's name comes an id, which IAM does not know in a request by name."
    return Requirements(
        statements=[statement], accepted_findings={wildcard_finding(scope, arn): reason}
    )
