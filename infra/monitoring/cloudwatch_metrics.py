"""Makes CloudWatch metrics, each with exactly the dimensions under which it is published.

All alarms and graphs get their metrics here, because a wrong dimension would be hard to notice:
CloudWatch would just show no data. The titles in quotes are pages of the AWS documentation.
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from metrics import NAMESPACE

from ..settings.settings import Settings

MINUTE = Duration.minutes(1)
# SQS's metric for messages that can be received.
VISIBLE_MESSAGES = "ApproximateNumberOfMessagesVisible"


def own_metric(
    settings: Settings, name: str, statistic: str = "Sum", *, queue_id: str | None = None
) -> cloudwatch.Metric:
    """Return a metric that our functions emit for one routing queue, or for the whole stage."""
    dimensions = {"Stage": settings.stage}
    if queue_id is not None:
        dimensions["QueueId"] = queue_id
    return _metric(NAMESPACE, name, statistic, dimensions)


def function_metric(
    function: lambda_.IFunction, name: str, statistic: str = "Sum"
) -> cloudwatch.Metric:
    """Return a Lambda function's metric (see "Types of metrics for Lambda functions")."""
    dimensions = {"FunctionName": function.function_name}
    return _metric("AWS/Lambda", name, statistic, dimensions)


def mapping_metric(mapping: lambda_.EventSourceMapping, name: str) -> cloudwatch.Metric:
    """Return an event source mapping's counter (see "Event source mapping metrics")."""
    dimensions = {"EventSourceMappingUUID": mapping.event_source_mapping_id}
    return _metric("AWS/Lambda", name, "Sum", dimensions)


def queue_metric(queue: sqs.IQueue, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
    """Return an SQS queue's metric (see "Available CloudWatch metrics for Amazon SQS")."""
    return _metric("AWS/SQS", name, statistic, {"QueueName": queue.queue_name})


def table_metric(table: dynamodb.ITable, name: str) -> cloudwatch.Metric:
    """Return a DynamoDB table's counter (see "DynamoDB metrics and dimensions")."""
    return _metric("AWS/DynamoDB", name, "Sum", {"TableName": table.table_name})


def rule_metric(bus: events.IEventBus, rule: events.CfnRule, name: str) -> cloudwatch.Metric:
    """Return a rule's counter (see "Monitoring Amazon EventBridge").

    The rule must not be on the default bus, because metrics of that bus's rules have no dimension
    `EventBusName`.
    """
    dimensions = {"EventBusName": bus.event_bus_name, "RuleName": str(rule.name)}
    return _metric("AWS/Events", name, "Sum", dimensions)


def _metric(
    namespace: str, name: str, statistic: str, dimensions: dict[str, str]
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        period=MINUTE,
    )
