"""What the functions have in common: runtime, JSON logs kept for a while, a role written out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.logs import log_group_of, writes_logs
from infra.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class InvocationLimits:
    """Bounds of one invocation, of how many there may be, and of asynchronous events."""

    timeout: Duration
    memory_mb: int
    reserved_concurrency: int | None = None
    retry_attempts: int | None = None
    max_event_age: Duration | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Environment variables and permissions that a function needs for one part of the stack."""

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[iam.PolicyStatement] = ()


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

    The role holds exactly the statements of its needs, and what its logs (and tracing, if set)
    need. They are a part of the role itself: whatever needs the function comes after its
    permissions.
    """
    log_group = log_group_of(scope, settings)
    statements = [statement for need in needs for statement in need.statements]
    statements.append(writes_logs(log_group))
    if settings.tracing:
        statements.append(_writes_traces())
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={"Permissions": iam.PolicyDocument(statements=statements)},
    )
    # Lambda drops lines below its level before they are kept. Metrics are lines without a level,
    # which count as INFO: above INFO they would be gone. Powertools does the rest by log_level.
    debug = settings.log_level == "DEBUG"
    level = lambda_.ApplicationLogLevel.DEBUG if debug else lambda_.ApplicationLogLevel.INFO
    return lambda_.Function(
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


def _writes_traces() -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="WriteTraces",
        actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        resources=["*"],  # X-Ray has no resources to name for these
    )
