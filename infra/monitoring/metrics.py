"""The metrics: namespace, name and exactly the dimensions that each is emitted with.

Every alarm and graph takes its metrics from here: CloudWatch accepts a wrong dimension without a
word and shows nothing.
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.settings.settings import Settings
from metrics import NAMESPACE

MINUTE = Duration.minutes(1)
# SQS's metric of the messages that wait.
VISIBLE = "ApproximateNumberOfMessagesVisible"


def own(
    settings: Settings, name: str, statistic: str = "Sum", *, queue_id: str | None = None
) -> cloudwatch.Metric:
    """Return a metric of the project's functions, of the stage or of one of its queues."""
    dimensions = {"Stage": settings.stage}
    if queue_id is not None:
        dimensions["QueueId"] = queue_id
    return _metric(NAMESPACE, name, statistic, dimensions)


def of_function(
    function: lambda_.IFunction, name: str, statistic: str = "Sum"
) -> cloudwatch.Metric:
    """Return a metric of a function (AWS: "Types of metrics for Lambda functions")."""
    dimensions = {"FunctionName": function.function_name}
    return _metric("AWS/Lambda", name, statistic, dimensions)


def of_mapping(mapping: lambda_.EventSourceMapping, name: str) -> cloudwatch.Metric:
    """Return a count of an event source mapping (AWS: "Event source mapping metrics")."""
    dimensions = {"EventSourceMappingUUID": mapping.event_source_mapping_id}
    return _metric("AWS/Lambda", name, "Sum", dimensions)


def of_queue(queue: sqs.IQueue, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
    """Return a metric of an SQS queue (AWS: "Available CloudWatch metrics for Amazon SQS")."""
    return _metric("AWS/SQS", name, statistic, {"QueueName": queue.queue_name})


def of_table(table: dynamodb.ITable, name: str) -> cloudwatch.Metric:
    """Return a count of a table (AWS: "DynamoDB metrics and dimensions")."""
    return _metric("AWS/DynamoDB", name, "Sum", {"TableName": table.table_name})


def of_rule(bus: events.IEventBus, rule: events.CfnRule, name: str) -> cloudwatch.Metric:
    """Return a count of a rule on a bus that is not the default one.

    Source: Amazon EventBridge User Guide, "Monitoring Amazon EventBridge".
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
