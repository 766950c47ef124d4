"""The permission of a function to read the status of its own stack."""

from aws_cdk import ArnFormat, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

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
    finding = (
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:"
        f"<AWS::AccountId>:stack/{stack.stack_name}/*]"
    )
    reason = "After the stack's name comes an id, which IAM does not know in a request by name."
    # CloudFormation chooses the name of a nested stack, so no finding's id can contain it.
    is_nested = Token.is_unresolved(stack.stack_name)
    return Requirements(
        statements=[statement], accepted_findings={} if is_nested else {finding: reason}
    )
