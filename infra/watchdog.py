"""The watchdog, which compares Genesys Cloud with the deployed stack every five minutes."""

from collections.abc import Sequence
from dataclasses import replace

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from genesys.queue_ids import pack_ids

from .findings import acknowledge
from .function.function import InvocationLimits, make_function
from .function.own_stack import own_stack_status_requirements
from .function.requirements import Requirements
from .function.secret import genesys_secret_requirements
from .settings.settings import Settings

_INTERVAL = Duration.minutes(5)
# A run must end, and its lease expire, before the next one begins (see `dynamodb.run_lease`).
_TIMEOUT = Duration.minutes(4)


class Watchdog(Construct):
    """The watchdog's function and its schedule.

    A lease in the ledger's table lets one run work at a time. Reserved concurrency would do the
    same, but an account whose quota is ten concurrent executions cannot reserve one. A failed run
    is not retried and needs no dead-letter queue, because the next run follows in five minutes.

    Parameters
    ----------
    source
        The delivery's construct. The schedule is created after everything in `source`, so that the
        watchdog does not report a partner event source that is still pending.
    queues
        The stack's SQS queues, whose metrics the watchdog keeps awake.
    requirements
        What the function needs for the lease, for the backfill and for the delivery.

    Attributes
    ----------
    function
        The Lambda function.
    schedule
        The EventBridge rule that invokes the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        source: Construct,
        queues: Sequence[sqs.IQueue],
        requirements: Sequence[Requirements],
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = make_function(
            self,
            settings=settings,
            code=code,
            noun="watchdog",
            handler="watchdog.handler.handler",
            description="Compares what is in Genesys Cloud with what was deployed",
            limits=InvocationLimits(
                timeout=_TIMEOUT,
                memory_mb=256,
                retry_attempts=0,
                max_event_age=Duration.seconds(60),
            ),
            requirements=[
                genesys_secret_requirements(self, settings),
                Requirements({"PACKED_QUEUE_IDS": pack_ids(settings.queue_ids)}),
                _queue_metrics_requirements(queues),
                *([_healing_requirements(self)] if settings.watchdog == "heal" else []),
                *requirements,
            ],
        )
        self.schedule = events.CfnRule(
            self,
            "Schedule",
            description=f"Invokes the watchdog of {Stack.of(self).stack_name} every five minutes",
            schedule_expression=f"rate({_INTERVAL.to_minutes()} minutes)",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Watchdog",
                    arn=self.function.function_arn,
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_retry_attempts=0, maximum_event_age_in_seconds=60
                    ),
                )
            ],
        )
        self.schedule.node.add_dependency(source, self.function)
        reason = "The next run follows in five minutes; an alarm reports failed runs."
        cdk_nag_rules = ("LambdaDLQ", "LambdaAsyncFailureDestination", "EventBusDLQ")
        acknowledge(self, {f"Serverless-{rule}": reason for rule in cdk_nag_rules})
        lambda_.CfnPermission(
            self,
            "ScheduleInvokes",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="events.amazonaws.com",
            source_arn=self.schedule.attr_arn,
        )


def _queue_metrics_requirements(queues: Sequence[sqs.IQueue]) -> Requirements:
    """Return what the watchdog needs to keep the queues' metrics awake."""
    statement = iam.PolicyStatement(
        sid="KeepQueueMetricsAwake",
        actions=["sqs:GetQueueAttributes"],
        resources=[queue.queue_arn for queue in queues],
    )
    return Requirements({"QUEUE_URLS": ",".join(queue.queue_url for queue in queues)}, [statement])


def _healing_requirements(scope: Construct) -> Requirements:
    """Return what the watchdog needs to heal: to read the state of our own stack before it does."""
    own_stack = own_stack_status_requirements(scope)
    environment = {"HEAL": "true", "STACK_NAME": Stack.of(scope).stack_name}
    return replace(own_stack, environment=environment)
