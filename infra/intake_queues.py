"""Where events arrive: the intake queue, and its dead-letter queue."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.findings import acknowledge
from infra.settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS
from infra.settings.settings import Settings


class IntakeQueues(Construct):
    """The two queues.

    Their names are fixed, so that a stack that was deleted and deployed again has the ARN that
    Genesys Cloud knows, and the dead-letter queue can name its source without a circle.

    Attributes
    ----------
    queue
        The queue that the worker reads. The source of events lets its sender send to it.
    dead_letter_queue
        Keeps for 14 days what could not be processed.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        source_arn = Stack.of(self).format_arn(
            service="sqs",
            resource=settings.intake_queue_name,
            arn_format=ArnFormat.NO_RESOURCE_NAME,
        )
        source = sqs.Queue.from_queue_arn(self, "Source", source_arn)
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=settings.dead_letter_queue_name,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE, source_queues=[source]
            ),
            # SSE-SQS, as third parties cannot use the key of SSE-KMS that AWS manages.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(
            self.dead_letter_queue,
            {"Serverless-SQSRedrivePolicy": "It is the dead-letter queue of the intake queue."},
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=settings.intake_queue_name,
            # A message keeps its age when it is moved: what is left here is lost there.
            retention_period=Duration.days(INTAKE_DAYS),
            visibility_timeout=Duration.seconds(settings.visibility_timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=settings.max_receive_count
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
