"""Keeps the metrics of our SQS queues awake, so that alarms on them are in time.

SQS stops sending the metrics of a queue that nobody has used for six hours, and starts again up to
15 minutes after the next use (see "Available CloudWatch metrics for Amazon SQS" in the Developer
Guide). Reading a queue's attributes counts as a use.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from aws_calls import CALL_ERRORS, call, describe
from deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def keep_metrics_awake(
    queue_urls: Iterable[str], sqs: "SQSClient", deadline: Deadline, logger: Logger
) -> None:
    """Read an attribute of each queue. If that fails, only log the failure."""
    for queue_url in queue_urls:
        try:
            call(
                deadline,
                sqs.get_queue_attributes,
                QueueUrl=queue_url,
                AttributeNames=["ApproximateNumberOfMessages"],
            )
        except CALL_ERRORS as error:
            logger.info(
                "Could not keep metrics awake", queue=queue_url, error=describe(error, "SQS")
            )
