"""The worker: the function that processes ends, and its mapping to the intake queue."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.findings import acknowledge
from infra.function import InvocationLimits, Needs, function
from infra.intake_queues import IntakeQueues
from infra.settings.settings import Settings


class Worker(Construct):
    """The function, with exactly the permissions that it uses, fed from the intake queue.

    Parameters
    ----------
    needs
        Its needs for the parts of the stack beside the intake queues.

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
        needs: Sequence[Needs],
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
            needs=[_own_needs(settings, intake), *needs],
        )
        acknowledge(
            self.function,
            {"Serverless-LambdaDLQ": "The intake queue has one; nothing else invokes the worker."},
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
        acknowledge(
            self.mapping,
            {
                "Serverless-LambdaEventSourceMappingDestination": (
                    "Such a destination is for streams; SQS moves what fails to the dead-letter "
                    "queue itself."
                )
            },
        )


def _own_needs(settings: Settings, intake: IntakeQueues) -> Needs:
    environment = {
        "QUEUE_IDS": ",".join(settings.queue_ids),
        "QUEUE_URL": intake.queue.queue_url,
        "DEAD_LETTER_QUEUE_URL": intake.dead_letter_queue.queue_url,
        "RETRY_DELAY_SECONDS": str(settings.retry_delay_seconds),
    }
    reads = iam.PolicyStatement(
        sid="ReadIntakeQueue",
        actions=[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        ],
        resources=[intake.queue.queue_arn],
    )
    rejects = iam.PolicyStatement(
        sid="RejectToDeadLetterQueue",
        actions=["sqs:SendMessage"],
        resources=[intake.dead_letter_queue.queue_arn],
    )
    return Needs(environment, [reads, rejects])
