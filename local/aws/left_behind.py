"""Resources that a destroyed stack left in an emulator without other stacks."""

from collections.abc import Mapping, Sequence

from local.aws.emulator import Emulator


def left_behind(aws: Emulator, stage: str) -> Mapping[str, Sequence[str]]:
    """Return the names of the remaining resources of each kind that a stack has."""
    queues = aws.client("sqs").list_queues(QueueNamePrefix=f"queue-ends-{stage}-")
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    events, cloudwatch = aws.client("events"), aws.client("cloudwatch")
    buses = events.list_event_buses()["EventBuses"]
    alarms = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {
        "queues": queues.get("QueueUrls", []),
        "functions": [
            one["FunctionName"] for one in aws.client("lambda").list_functions()["Functions"]
        ],
        # The log groups of the CDK's bootstrap are not the stack's.
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
        "schedules": [rule["Name"] for rule in events.list_rules()["Rules"]],
    }
