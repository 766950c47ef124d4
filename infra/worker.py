"""The worker's function, and the event source mapping that invokes it with messages."""

from collections.abc import Sequence
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .findings import acknowledge
from .function.function import InvocationLimits, make_function
from .function.requirements import Requirements
from .function.secret import genesys_secret_requirements
from .intake_queues import IntakeQueues
from .settings.settings import Settings


class Worker(Construct):
    """The worker's function and its event source mapping.

    Parameters
    ----------
    queue_names
        The names of the routing queues, a line for each of the setting `queue_ids`.
    requirements
        The environment variables and permissions that the function needs for all parts of the stack
        except the intake queues.

    Attributes
    ----------
    function
        The Lambda function.
    role
        The function's IAM role. The user's action runs with it, so the app can grant it more.
    mapping
        The event source mapping.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
        queue_names: str,
        requirements: Sequence[Requirements],
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = make_function(
            self,
            settings=settings,
            code=code,
            noun="worker",
            handler="worker.handler.handler",
            description="Processes conversation ends from the intake queue",
            limits=InvocationLimits(
                timeout=Duration.seconds(settings.worker_timeout_seconds),
                memory_mb=settings.worker_memory_mb,
            ),
            requirements=[
                _intake_requirements(settings, intake),
                _details_requirements(self, settings, intake),
                Requirements({"QUEUE_NAMES": queue_names}),
                *requirements,
            ],
        )
        # The function itself has a read-only view of the role, which grants would not change.
        self.role = cast(iam.Role, self.node.find_child("Role"))
        acknowledge(
            self.function,
            {
                "Serverless-LambdaDLQ": (
                    "Only the intake queue invokes the worker, and that queue has a dead-letter "
                    "queue."
                )
            },
        )
        window_seconds = settings.batching_window_seconds
        # function.add_event_source() would grant more permissions than _intake_requirements.
        self.mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=intake.queue.queue_arn,
            batch_size=settings.batch_size,
            max_batching_window=Duration.seconds(window_seconds) if window_seconds else None,
            max_concurrency=settings.max_concurrency,
            report_batch_item_failures=True,
            # A failed message counts only in the mapping's metrics, not in the function's `Errors`.
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )
        acknowledge(
            self.mapping,
            {
                "Serverless-LambdaEventSourceMappingDestination": (
                    "An on-failure destination is for streams; SQS itself moves failed messages to "
                    "the dead-letter queue."
                )
            },
        )


def _intake_requirements(settings: Settings, intake: IntakeQueues) -> Requirements:
    environment = {
        "QUEUE_IDS": ",".join(settings.queue_ids),
        "QUEUE_URL": intake.queue.queue_url,  # of the intake queue
        "DEAD_LETTER_QUEUE_URL": intake.dead_letter_queue.queue_url,
        "RETRY_DELAY_SECONDS": str(settings.retry_delay_seconds),
    }
    read_statement = iam.PolicyStatement(
        sid="ReadIntakeQueue",
        actions=[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        ],
        resources=[intake.queue.queue_arn],
    )
    reject_statement = iam.PolicyStatement(
        sid="RejectToDeadLetterQueue",
        actions=["sqs:SendMessage"],
        resources=[intake.dead_letter_queue.queue_arn],
    )
    return Requirements(environment, [read_statement, reject_statement])


def _details_requirements(
    scope: Construct, settings: Settings, intake: IntakeQueues
) -> Requirements:
    """Return what the worker needs to request details and to send itself delayed messages."""
    if settings.details == "none":
        return Requirements()
    environment = {
        "DETAILS": settings.details,
        "DETAILS_WAIT_SECONDS": str(settings.details_wait_seconds),
        "DETAILS_ATTEMPTS": str(settings.details_attempts),
        "DETAILS_PERSONAL": str(settings.details_personal).lower(),
        "GENESYS_LOGIN_URL": settings.login_url,
        "GENESYS_API_URL": settings.api_url,
        "GENESYS_SECRET": settings.genesys_secret,
    }
    statements = [*genesys_secret_requirements(scope, settings).statements]
    if settings.delays_ends:
        send_statement = iam.PolicyStatement(
            sid="SendDelayedEnds",
            actions=["sqs:SendMessage"],
            resources=[intake.queue.queue_arn],
        )
        statements.append(send_statement)
    return Requirements(environment, statements, sends_to_itself=settings.delays_ends)
