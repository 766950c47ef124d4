"""The watchdog: looks every five minutes whether Genesys Cloud has what was deployed."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.findings import acknowledge
from infra.function import InvocationLimits, Needs, function
from infra.secret import reads_genesys_secret
from infra.settings.settings import Settings

_EVERY = Duration.minutes(5)


class Watchdog(Construct):
    """The function and its schedule.

    One look at a time is enough, and a failed look is not repeated: the next one comes in five
    minutes. So there are no retries, and no queue for failed looks.

    Parameters
    ----------
    source
        The source of events. The schedule follows all of it, as the watchdog would report a
        partner event source whose bus is still being made.
    needs
        Its needs to look at the source.

    Attributes
    ----------
    function
        The Lambda function.
    schedule
        The rule that invokes it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        source: Construct,
        needs: Needs,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = function(
            self,
            settings=settings,
            code=code,
            handler="watchdog.handler.handler",
            description="Compares what is in Genesys Cloud with what was deployed",
            limits=InvocationLimits(
                timeout=Duration.minutes(2),
                memory_mb=256,
                reserved_concurrency=1,
                retry_attempts=0,
                max_event_age=Duration.seconds(60),
            ),
            needs=[reads_genesys_secret(self, settings), needs],
        )
        self.schedule = events.CfnRule(
            self,
            "Schedule",
            description=f"Has the watchdog of {settings.stack_name} look",
            schedule_expression=f"rate({_EVERY.to_minutes()} minutes)",
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
        reason = "The next look comes in five minutes; an alarm tells of looks that fail."
        findings = ("LambdaDLQ", "LambdaAsyncFailureDestination", "EventBusDLQ")
        acknowledge(self, {f"Serverless-{finding}": reason for finding in findings})
        lambda_.CfnPermission(
            self,
            "ScheduleInvokes",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="events.amazonaws.com",
            source_arn=self.schedule.attr_arn,
        )
