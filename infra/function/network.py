"""The private network that functions can run in."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ..findings import wildcard_finding
from ..settings.settings import Settings
from .requirements import Requirements

# The actions that Lambda takes in the function's name to connect the function to the subnets (see
# "Giving Lambda functions access to resources in an Amazon VPC").
_SEE_ACTIONS = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
_MANAGE_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
]
_MAKE_ACTION = "ec2:CreateNetworkInterface"


def network_requirements(scope: Construct, settings: Settings) -> Requirements:
    """Return what a function needs to run in the private network; nothing if none is set."""
    if not settings.vpc_subnet_ids:
        return Requirements()

    def arn(resource: str, name: str, account: str | None = None) -> str:
        return Stack.of(scope).format_arn(
            service="ec2",
            account=account,
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )

    own_interfaces, own_resources = arn("network-interface", "*"), arn("*", "*")
    # If another account shares its VPC, the ARNs of subnets and groups have that account's id.
    places = [
        *(arn("subnet", subnet_id, "*") for subnet_id in settings.vpc_subnet_ids),
        *(arn("security-group", group_id, "*") for group_id in settings.vpc_security_group_ids),
    ]
    statements = [
        iam.PolicyStatement(
            sid="MakeNetworkInterfaces",
            actions=[_MAKE_ACTION],
            resources=[own_interfaces, *places],
        ),
        # Lambda demands the permission to delete for all resources of the account.
        iam.PolicyStatement(
            sid="ManageNetworkInterfaces", actions=_MANAGE_ACTIONS, resources=[own_resources]
        ),
        iam.PolicyStatement(sid="SeeNetworkInterfaces", actions=_SEE_ACTIONS, resources=["*"]),
        # Only Lambda itself takes these actions, never the function's code: requests of the code
        # carry this key.
        iam.PolicyStatement(
            sid="DenyNetworkInterfacesToCode",
            effect=iam.Effect.DENY,
            actions=[_MAKE_ACTION, *_MANAGE_ACTIONS, *_SEE_ACTIONS],
            resources=["*"],
            conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
        ),
    ]
    reason = (
        "Lambda makes, lists and deletes the network interfaces, whose ids are not known before; "
        "the function's code is denied these actions."
    )
    findings = dict.fromkeys(
        (
            "Serverless-LambdaStarPermissions",
            *(wildcard_finding(scope, it) for it in ("*", own_resources, own_interfaces)),
        ),
        reason,
    )
    reason = "The id names one subnet or security group, whose account may be another."
    findings |= dict.fromkeys((wildcard_finding(scope, it) for it in places), reason)
    # With the variable, an error says that the network may be the cause.
    return Requirements({"PRIVATE_NETWORK": "true"}, statements, findings)


def connect_to_network(function: lambda_.Function, settings: Settings) -> None:
    """Connect a function to the private network, if one is set.

    `Function`'s own property for it needs the VPC's id, which the settings do not have.
    """
    resource = function.node.default_child
    if settings.vpc_subnet_ids and isinstance(resource, lambda_.CfnFunction):
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(settings.vpc_subnet_ids),
            security_group_ids=list(settings.vpc_security_group_ids),
        )
