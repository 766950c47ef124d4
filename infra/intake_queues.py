"""The intake queue, where events arrive, and its dead-letter queue."""

from typing import Any

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .findings import acknowledge
from .function.keys import stack_key
from .settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS
from .settings.settings import Settings

# SQS asks KMS for a new data key after this time, for each sender and receiver. So a mistake in the
# key's policy shows within five minutes, as everything does that an alarm reports. The requests to
# KMS are few: three in five minutes for a queue with one sender and one receiver.
_DATA_KEY_REUSE = Duration.minutes(5)


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
        key = stack_key(self, settings)
        self.dead_letter_queue = make_queue(
            self,
            "DeadLetterQueue",
            key=key,
            queue_name=settings.dead_letter_queue_name,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[intake_queue_reference],
            ),
        )
        acknowledge(
            self.dead_letter_queue,
            {"Serverless-SQSRedrivePolicy": "It is the dead-letter queue of the intake queue."},
        )
        self.queue = make_queue(
            self,
            "Queue",
            key=key,
            queue_name=settings.intake_queue_name,
            # This period is shorter than the dead-letter queue's, because a message keeps its age
            # when SQS moves it there, and an operator needs time to redrive the message.
            retention_period=Duration.days(INTAKE_DAYS),
            visibility_timeout=Duration.seconds(settings.visibility_timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=settings.max_receive_count
            ),
        )


def make_queue(
    scope: Construct, construct_id: str, *, key: kms.IKey | None, **properties: Any
) -> sqs.Queue:
    """Make an SQS queue that is encrypted, takes requests over TLS only and dies with the stack.

    Unless `properties` say otherwise, no queue may name it as its dead-letter queue. By default,
    every queue of the account may, and SQS would then move its messages here.

    Parameters
    ----------
    key
        The key that encrypts the messages. If None, SQS does it with a key of its own: third
        parties and EventBridge could not use the AWS managed KMS key.
    """
    encryption = sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED
    denied = sqs.RedriveAllowPolicy(redrive_permission=sqs.RedrivePermission.DENY_ALL)
    return sqs.Queue(
        scope,
        construct_id,
        encryption=encryption,
        encryption_master_key=key,
        data_key_reuse=_DATA_KEY_REUSE if key else None,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.DESTROY,
        **{"redrive_allow_policy": denied, **properties},
    )
