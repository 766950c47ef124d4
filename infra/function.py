"""A Lambda function: its runtime, its JSON logs, and a role with exactly its needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.findings import acknowledge
from infra.logs import log_group_of, writes_logs
from infra.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class InvocationLimits:
    """Limits of one invocation, of their number at a time, and of asynchronous events."""

    timeout: Duration
    memory_mb: int
    reserved_concurrency: int | None = None
    retry_attempts: int | None = None
    max_event_age: Duration | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Environment variables and permissions that a function needs for one part of the stack.

    `findings` are those of cdk-nag on the permissions, with the reasons to accept them.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[iam.PolicyStatement] = ()
    findings: Mapping[str, str] = field(default_factory=dict)


def function(
    scope: Construct,
    *,
    settings: Settings,
    code: lambda_.Code,
    handler: str,
    description: str,
    limits: InvocationLimits,
    needs: Sequence[Needs],
) -> lambda_.Function:
    """Make a function, its log group and its role in a scope of their own.

    The role allows exactly its needs, its logs, and tracing if that is set. The permissions are a
    part of the role itself, so that they are there before anything that depends on the function.
    """
    log_group = log_group_of(scope, settings)
    needs = [*needs, Needs(statements=[writes_logs(log_group)])]
    if settings.tracing:
        needs.append(_traces())
    statements = [statement for need in needs for statement in need.statements]
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={"Permissions": iam.PolicyDocument(statements=statements)},
    )
    for need in needs:
        acknowledge(role, need.findings)
    # Lambda drops lines below its level before they are kept. Metrics are lines without a level,
    # which count as INFO: above INFO they would be gone. Powertools does the rest by log_level.
    debug = settings.log_level == "DEBUG"
    level = lambda_.ApplicationLogLevel.DEBUG if debug else lambda_.ApplicationLogLevel.INFO
    made = lambda_.Function(
        scope,
        "Function",
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=code,
        handler=handler,
        timeout=limits.timeout,
        memory_size=limits.memory_mb,
        reserved_concurrent_executions=limits.reserved_concurrency,
        retry_attempts=limits.retry_attempts,
        max_event_age=limits.max_event_age,
        environment={
            "STAGE": settings.stage,
            "POWERTOOLS_LOG_LEVEL": settings.log_level,
            **{name: value for need in needs for name, value in need.environment.items()},
        },
        role=role.without_policy_updates(),
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        application_log_level_v2=level,
        tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
    )
    if not settings.tracing:
        reason = "Traces cost money for each invocation: the setting `tracing` turns them on."
        acknowledge(made, {"Serverless-LambdaTracing": reason})
    return made


def _traces() -> Needs:
    writes = iam.PolicyStatement(
        sid="WriteTraces",
        actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        resources=["*"],
    )
    reason = "X-Ray has no resource to name for the two actions that write traces."
    findings = dict.fromkeys(
        ("AwsSolutions-IAM5[Resource::*]", "Serverless-LambdaStarPermissions"), reason
    )
    return Needs(statements=[writes], findings=findings)
