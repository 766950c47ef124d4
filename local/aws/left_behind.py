"""Finds resources that a destroyed stack has left behind in an emulator that had no other stack."""

from collections.abc import Mapping, Sequence

from local.aws.emulator import Emulator


def left_behind(aws: Emulator, stage: str) -> Mapping[str, Sequence[str]]:
    """Return the names of the remaining resources, keyed by the kind of resource."""
    queues = aws.client("sqs").list_queues(QueueNamePrefix=f"queue-ends-{stage}-")
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    eventbridge, cloudwatch = aws.client("events"), aws.client("cloudwatch")
    buses = eventbridge.list_event_buses()["EventBuses"]
    alarms = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {
        "queues": queues.get("QueueUrls", []),
        "functions": [
            one["FunctionName"] for one in aws.client("lambda").list_functions()["Functions"]
        ],
        # The log groups of the CDK bootstrap do not belong to the stack.
        "log groups": [
            one["logGroupName"] for one in groups if f"QueueEnds-{stage}" in one["logGroupName"]
        ],
        "tables": aws.client("dynamodb").list_tables()["TableNames"],
        "buses": [bus["Name"] for bus in buses if bus["Name"] != "default"],
        "alarms": [one["AlarmName"] for one in alarms["MetricAlarms"] + alarms["CompositeAlarms"]],
        "dashboards": [
            one["DashboardName"] for one in cloudwatch.list_dashboards()["DashboardEntries"]
        ],
        "topics": [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]],
        "schedules": [rule["Name"] for rule in eventbridge.list_rules()["Rules"]],
    }
