"""Log groups with the retention that is set; they are deleted with the stack."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.settings.checks import RETENTION_DAYS
from infra.settings.settings import Settings


def log_group_of(scope: Construct, settings: Settings) -> logs.LogGroup:
    """Make the log group of a scope."""
    return logs.LogGroup(
        scope,
        "Logs",
        retention=logs.RetentionDays[RETENTION_DAYS[settings.log_retention_days]],
        removal_policy=RemovalPolicy.DESTROY,
    )


def writes_logs(log_group: logs.LogGroup) -> iam.PolicyStatement:
    """Return the statement that lets a function write to its log group."""
    return iam.PolicyStatement(
        sid="WriteLogs",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],  # ends in ":*", the log streams of this group
    )
