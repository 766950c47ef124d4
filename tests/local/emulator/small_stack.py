"""A small stack with a queue, a function and alarms, and its offline CloudWatch."""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator
from local.cloudwatch.collector import CloudWatch

FUNCTION = """
import json
def handler(event, context):
    failed = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        for line in body.get("prints", []):
            print(line)
        if body.get("raises"):
            raise ValueError("as told")
        if body.get("fails"):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""


def template(name: str) -> dict[str, Any]:
    """Return a small stack's template: a queue, a function that takes from it, and alarms."""
    role = {"Service": "lambda.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": role, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}

    def arn(resource: str) -> dict[str, Any]:
        return {"Fn::GetAtt": [resource, "Arn"]}

    def alarm(alarm_id: str, namespace: str, metric: str, **properties: Any) -> dict[str, Any]:
        dimension, value = properties.pop("of")
        return {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": f"{name}-{alarm_id}",
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": dimension, "Value": value}],
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 0,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": "Topic"}],
                "OKActions": [{"Ref": "Topic"}],
                **properties,
            },
        }

    of_intake = ("QueueName", f"{name}-intake")
    return {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Intake": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "QueueName": f"{name}-intake",
                    "VisibilityTimeout": 60,
                    "RedrivePolicy": {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 5},
                },
            },
            "Dead": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"QueueName": f"{name}-dead"},
            },
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "Policies": [{"PolicyName": "Permissions", "PolicyDocument": policy}],
                },
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    # The emulator counts the cold start, which takes seconds on a busy machine.
                    "Timeout": 60,
                    "Role": arn("Role"),
                    "Code": {"ZipFile": FUNCTION},
                    "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
                },
            },
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "EventSourceArn": arn("Intake"),
                    "FunctionName": {"Ref": "Function"},
                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                },
            },
            "Failures": alarm("failures", "QueueEnds", "Failed", of=("Stage", name)),
            "Backlog": alarm(
                "backlog",
                "AWS/SQS",
                "ApproximateAgeOfOldestMessage",
                of=of_intake,
                Statistic="Maximum",
                Threshold=120,
                EvaluationPeriods=2,
            ),
            "MappingDead": alarm(
                "mapping-dead",
                "AWS/Lambda",
                "PolledEventCount",
                of=("EventSourceMappingUUID", {"Ref": "Mapping"}),
                ComparisonOperator="LessThanThreshold",
                TreatMissingData="breaching",
                EvaluationPeriods=2,
            ),
            "Errors": alarm("errors", "AWS/Lambda", "Errors", of=("FunctionName", name)),
        },
        "Outputs": {"AlarmTopicArn": {"Value": {"Ref": "Topic"}}},
        "Metadata": {
            "QueueEnds": {
                "HealthAlarm": {
                    "AlarmName": f"{name}-health",
                    "AlarmRule": f'ALARM("{name}-failures") OR ALARM("{name}-mapping-dead")',
                    "AlarmDescription": "Something is on.",
                }
            }
        },
    }


class SmallStack:
    """A small deployed stack and its CloudWatch."""

    def __init__(self, aws: Emulator, name: str, folder: Path) -> None:
        self.aws, self.name = aws, name
        self.sqs = aws.client("sqs")
        self._cloudformation = aws.client("cloudformation")
        self._metrics = aws.client("cloudwatch")
        file = folder / f"{name}.template.json"
        file.write_text(json.dumps(template(name)))
        self._cloudformation.create_stack(
            StackName=name, TemplateBody=file.read_text(), Capabilities=["CAPABILITY_IAM"]
        )
        self._cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )
        stack = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.cloudwatch = CloudWatch(aws, self.outputs, name, file)
        self.queue = f"{aws.endpoint}/{aws.account}/{name}-intake"
        # With a whole minute before them, tests know which minute what they do falls into.
        self.cloudwatch.put_forward(60 - self.cloudwatch.now().timestamp() % 60)
        self.began = self.cloudwatch.now()

    @property
    def mapping(self) -> str:
        found = self._cloudformation.describe_stack_resource(
            StackName=self.name, LogicalResourceId="Mapping"
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def states(self) -> dict[str, str]:
        """Return the states of the alarms by their ids."""
        states = self.cloudwatch.states()
        return {name.removeprefix(f"{self.name}-"): state for name, state in states.items()}

    def on(self) -> set[str]:
        """Return which alarms are on."""
        return {name for name, state in self.states().items() if state != "OK"}

    def send(self, **body: Any) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body))

    def reads(self, enabled: bool) -> None:
        """Have the mapping read the queue, or not."""
        mappings = self.aws.client("lambda")
        mappings.update_event_source_mapping(UUID=self.mapping, Enabled=enabled)

    def waiting(self, kind: str = "") -> int:
        """Return how many messages are in the queue, in flight (`NotVisible`) or not."""
        name = f"ApproximateNumberOfMessages{kind}"
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        return int(found["Attributes"][name])

    def minutes(
        self, namespace: str, metric: str, statistic: str = "Sum", **dimensions: str
    ) -> dict[int, float]:
        """Collect, then return the values of a metric by the minute since the stack was made."""
        self.cloudwatch.collect()
        of_one = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        named = {"Namespace": namespace, "MetricName": metric, "Dimensions": of_one}
        watched = {"Metric": named, "Period": 60, "Stat": statistic}
        result = self._metrics.get_metric_data(
            MetricDataQueries=[{"Id": "it", "MetricStat": watched}],
            StartTime=self.began - timedelta(hours=1),
            EndTime=self.began + timedelta(hours=1),
        )["MetricDataResults"][0]
        ago = [int((at - self.began).total_seconds()) for at in result["Timestamps"]]
        # The moments that it took until `began` was read belong to the first minute.
        return dict(zip([(second + 30) // 60 for second in ago], result["Values"], strict=True))

    def value(self, *metric: str, **dimensions: str) -> float | None:
        """Return a metric's value of the latest minute that has one; None where there is none.

        For what is counted see `total`: what a test does may take longer than a minute.
        """
        return next(reversed(self.minutes(*metric, **dimensions).values()), None)

    def total(self, *metric: str, **dimensions: str) -> float | None:
        """Return the sum of a metric since the stack was made; None where it has no values."""
        minutes = self.minutes(*metric, **dimensions)
        return sum(minutes.values()) if minutes else None

    def of_mapping(self, metric: str) -> float | None:
        return self.total("AWS/Lambda", metric, EventSourceMappingUUID=self.mapping)

    def of_queue(self, metric: str, statistic: str = "Sum") -> float | None:
        of = self.total if statistic == "Sum" else self.value
        return of("AWS/SQS", metric, statistic, QueueName=f"{self.name}-intake")

    def of_function(self, metric: str, statistic: str = "Sum") -> float | None:
        of = self.total if statistic == "Sum" else self.value
        return of("AWS/Lambda", metric, statistic, FunctionName=self.name)

    def count(self, metric: str, value: float) -> None:
        """Have the stage count something, now."""
        self._metrics.put_metric_data(
            Namespace="QueueEnds",
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "Stage", "Value": self.name}],
                    "Value": value,
                }
            ],
        )

    def line(self, **values: Any) -> str:
        """Return a line in embedded metric format."""
        directive = {
            "Namespace": "QueueEnds",
            "Dimensions": [["Stage"]],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
        }
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": about, "Stage": self.name, **values})
