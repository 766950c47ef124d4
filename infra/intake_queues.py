"""The intake queue, where events arrive, and its dead-letter queue."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .findings import acknowledge
from .settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS
from .settings.settings import Settings


class IntakeQueues(Construct):
    """The intake queue and its dead-letter queue.

    The queues' names are fixed for two reasons: each queue can refer to the other without a
    dependency cycle, and the intake queue keeps its ARN if the stack is deleted and deployed again.

    Attributes
    ----------
    queue
        The intake queue, which the worker reads. The delivery's construct adds the permission to
        send to the queue.
    dead_letter_queue
        The dead-letter queue.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        intake_queue_arn = Stack.of(self).format_arn(
            service="sqs",
            resource=settings.intake_queue_name,
            arn_format=ArnFormat.NO_RESOURCE_NAME,
        )
        intake_queue_reference = sqs.Queue.from_queue_arn(
            self, "IntakeQueueReference", intake_queue_arn
        )
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=settings.dead_letter_queue_name,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[intake_queue_reference],
            ),
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
            # This period is shorter than the dead-letter queue's, because a message keeps its age
            # when SQS moves it there, and an operator needs time to redrive the message.
            retention_period=Duration.days(INTAKE_DAYS),
            visibility_timeout=Duration.seconds(settings.visibility_timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=settings.max_receive_count
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
