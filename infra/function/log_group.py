"""Log groups with the configured retention."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from ..settings.checks import RETENTION_NAMES
from ..settings.settings import Settings
from .keys import stack_key


def make_log_group(scope: Construct, settings: Settings) -> logs.LogGroup:
    """Make a log group whose retention is the setting `log_retention_days`.

    It goes with the stack, unless the setting `protect` is true: whoever can delete the stack then
    cannot remove the traces with it. If the stack's creation fails, its roll-back deletes it.
    """
    kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    return logs.LogGroup(
        scope,
        "Logs",
        retention=logs.RetentionDays[RETENTION_NAMES[settings.log_retention_days]],
        encryption_key=stack_key(scope, settings),
        removal_policy=kept if settings.protect else RemovalPolicy.DESTROY,
    )


def log_write_statement(log_group: logs.LogGroup) -> iam.PolicyStatement:
    """Return the policy statement that lets a function write to its log group."""
    return iam.PolicyStatement(
        sid="WriteLogs",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],  # the ARN ends in ":*", for all log streams
    )
