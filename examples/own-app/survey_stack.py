"""A stack that requests a survey after each call, and counts the ends of each agent's calls."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct
from queue_ends import QueueEnds, Settings


class SurveyStack(Stack):
    """Queue Ends, a rule on its bus, and a table that its action writes to."""

    def __init__(self, scope: Construct, settings: Settings, warnings: Sequence[str]) -> None:
        # `queue-ends` looks for this stack name.
        super().__init__(scope, settings.stack_name)
        queue_ends = QueueEnds(self, "QueueEnds", settings=settings, warnings=warnings)
        queue_ends.add_outputs(self)

        # The action in actions/ runs in the worker, with the worker's role and environment.
        table = dynamodb.Table(
            self,
            "HandledCalls",
            partition_key=dynamodb.Attribute(name="end_id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        table.grant(queue_ends.worker.role, "dynamodb:PutItem")
        queue_ends.worker.function.add_environment("HANDLED_CALLS", table.table_name)

        # What subscribes to this topic gets each call's end: a survey tool, a Step Functions state
        # machine by way of a queue, or an e-mail address.
        surveys = sns.Topic(self, "Surveys", enforce_ssl=True)
        events.Rule(
            self,
            "AfterEachCall",
            event_bus=queue_ends.bus,
            event_pattern=events.EventPattern(
                source=["queue-ends"], detail={"media_type": ["VOICE"]}
            ),
            targets=[targets.SnsTopic(surveys)],
        )
