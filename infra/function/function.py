"""Makes Lambda functions, each with its log group and a least-privilege role."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ..findings import acknowledge
from ..settings.settings import KEYS, Settings
from .keys import key_requirements
from .log_group import log_write_statement, make_log_group
from .network import connect_to_network, network_requirements
from .requirements import Requirements
from .role import make_role


@dataclass(frozen=True, slots=True)
class InvocationLimits:
    """A function's timeout and memory, and its limits for asynchronous invocations."""

    timeout: Duration
    memory_mb: int
    retry_attempts: int | None = None
    max_event_age: Duration | None = None


def make_function(
    scope: Construct,
    *,
    settings: Settings,
    code: lambda_.Code,
    handler: str,
    description: str,
    limits: InvocationLimits,
    requirements: Sequence[Requirements],
    noun: str,
) -> lambda_.Function:
    """Make a function with its log group and role; each function needs a scope of its own.

    The function gets the environment variables and permissions in `requirements`. It may also write
    logs and, if the settings say so, write traces, run in the private network and use keys. The
    role's policy is inline, so that the permissions exist before any resource that depends on the
    function.

    Parameters
    ----------
    noun
        As in `make_role`.
    """
    log_group = make_log_group(scope, settings)
    all_requirements = [*requirements, Requirements(statements=[log_write_statement(log_group)])]
    if settings.tracing:
        all_requirements.append(_tracing_requirements())
    all_requirements.append(network_requirements(scope, settings))
    all_requirements.append(key_requirements(scope, settings, _statements_of(all_requirements)))
    role = make_role(
        scope,
        settings=settings,
        noun=noun,
        service="lambda.amazonaws.com",
        statements=_statements_of(all_requirements),
    )
    for part in all_requirements:
        acknowledge(role, part.accepted_findings)
    # Lambda drops log lines below lambda_level. The metrics' lines have no level and count as INFO,
    # so lambda_level is never above INFO. A log_level above INFO is applied by Powertools.
    is_debug = settings.log_level == "DEBUG"
    lambda_level = (
        lambda_.ApplicationLogLevel.DEBUG if is_debug else lambda_.ApplicationLogLevel.INFO
    )
    function = lambda_.Function(
        scope,
        "Function",
        description=description,
        runtime=lambda_.Runtime(f"python{settings.python_version}", lambda_.RuntimeFamily.PYTHON),
        architecture=lambda_.Architecture.custom(settings.architecture),
        code=code,
        handler=handler,
        timeout=limits.timeout,
        memory_size=limits.memory_mb,
        retry_attempts=limits.retry_attempts,
        max_event_age=limits.max_event_age,
        recursive_loop=_recursive_loop(all_requirements),
        environment={
            "STAGE": settings.stage,
            "POWERTOOLS_LOG_LEVEL": settings.log_level,
            **{
                name: value for part in all_requirements for name, value in part.environment.items()
            },
        },
        role=role.without_policy_updates(),  # so that the CDK adds no permissions
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        application_log_level_v2=lambda_level,
        tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
    )
    connect_to_network(function, settings)
    if settings.python_version != KEYS["python_version"].default:
        reason = "The setting `python_version` names the newest version that the region has."
        cdk_nag_rules = ("AwsSolutions-L1", "Serverless-LambdaLatestVersion")
        acknowledge(function, dict.fromkeys(cdk_nag_rules, reason))
    if not settings.tracing:
        reason = "Traces cost money, so they are off unless the setting `tracing` is true."
        acknowledge(function, {"Serverless-LambdaTracing": reason})
    return function


def _statements_of(requirements: Sequence[Requirements]) -> list[iam.PolicyStatement]:
    return [statement for part in requirements for statement in part.statements]


def _tracing_requirements() -> Requirements:
    write_statement = iam.PolicyStatement(
        sid="WriteTraces",
        actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        resources=["*"],
    )
    reason = "The two actions that write traces cannot be limited to a resource."
    accepted_findings = dict.fromkeys(
        ("AwsSolutions-IAM5[Resource::*]", "Serverless-LambdaStarPermissions"), reason
    )
    return Requirements(statements=[write_statement], accepted_findings=accepted_findings)


def _recursive_loop(requirements: Sequence[Requirements]) -> lambda_.RecursiveLoop | None:
    """Return whether Lambda lets a function invoke itself; None for Lambda's default, no.

    Lambda stops a chain of 16 invocations that follow from each other, and takes the longest chain
    of a batch's messages for the chain of the whole batch. So the chain of a busy queue grows
    although each message is in a short one (see "Use Lambda recursive loop detection" in the AWS
    documentation). The code limits its own messages instead: a settle event leads to no other
    message, and an end to at most `details_attempts` - 1 delayed messages.
    """
    if any(part.sends_to_itself for part in requirements):
        return lambda_.RecursiveLoop.ALLOW
    return None
