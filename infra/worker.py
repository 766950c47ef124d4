"""The worker: the function that processes ends, and its mapping to the intake queue."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.destinations.destinations import Destinations
from infra.function import InvocationLimits, function
from infra.intake_queues import IntakeQueues
from infra.ledger import Ledger
from infra.settings.settings import Settings


class Worker(Construct):
    """The function, with exactly the permissions that it uses, fed from the intake queue.

    Attributes
    ----------
    function
        The Lambda function.
    mapping
        Its event source mapping.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
        ledger: Ledger,
        destinations: Destinations,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = function(
            self,
            settings=settings,
            code=code,
            handler="worker.handler.handler",
            description="Processes conversation ends from the intake queue",
            limits=InvocationLimits(
                timeout=Duration.seconds(settings.worker_timeout_seconds),
                memory_mb=settings.worker_memory_mb,
            ),
            environment={
                "QUEUE_IDS": ",".join(settings.queue_ids),
                "QUEUE_URL": intake.queue.queue_url,
                "DEAD_LETTER_QUEUE_URL": intake.dead_letter_queue.queue_url,
                "RETRY_DELAY_SECONDS": str(settings.retry_delay_seconds),
                **_delivery(settings),
                **ledger.environment,
                **destinations.environment,
            },
            statements=[
                *_intake_permissions(intake),
                *_settling_permissions(settings, intake),
                *ledger.statements,
                *destinations.statements,
            ],
        )
        # Not function.add_event_source(): that would grant more than the statements above.
        window = settings.batching_window_seconds
        self.mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=intake.queue.queue_arn,
            batch_size=settings.batch_size,
            max_batching_window=Duration.seconds(window) if window else None,
            max_concurrency=settings.max_concurrency,
            report_batch_item_failures=True,
            # Partial failures do not show in Lambda's Errors, only in the mapping's own metrics.
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )


def _delivery(settings: Settings) -> dict[str, str]:
    if settings.delivery == "subscription":
        return {"DELIVERY": "subscription"}
    return {
        "DELIVERY": "eventbridge",
        "END_RULE": settings.end_rule,
        "SETTLE_SECONDS": str(settings.settle_seconds),
    }


def _settling_permissions(settings: Settings, intake: IntakeQueues) -> list[iam.PolicyStatement]:
    if not settings.settles:
        return []
    return [
        iam.PolicyStatement(
            sid="SendItselfDecisions",
            actions=["sqs:SendMessage"],
            resources=[intake.queue.queue_arn],
        )
    ]


def _intake_permissions(intake: IntakeQueues) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="ReadIntakeQueue",
            actions=[
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
            ],
            resources=[intake.queue.queue_arn],
        ),
        iam.PolicyStatement(
            sid="RejectToDeadLetterQueue",
            actions=["sqs:SendMessage"],
            resources=[intake.dead_letter_queue.queue_arn],
        ),
    ]
