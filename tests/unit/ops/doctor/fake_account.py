"""An AWS account in memory with a deployed stack, as the doctor's checks see it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.aws.cloudformation import PROPERTIES, QUEUE_NAMES, SUBSCRIPTION
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets

STACK = "QueueEnds-dev"
ACCOUNT_NUMBER = "123456789012"  # that of the fixture `make_ops`
QUEUE_ARN = PROPERTIES[SUBSCRIPTION]["QueueArn"]
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/queue-ends-dev-intake"
DEAD_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/queue-ends-dev-dead"
BUS = "aws.partner/genesys.com/cloud/5d4c3b2a-org/QueueEnds-dev"
RULE_ARN = f"arn:aws:events:eu-west-1:111122223333:rule/{BUS}/queues-1"
GENESYS_SENDS = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::765628985471:root"},
    "Action": "sqs:SendMessage",
    "Resource": QUEUE_ARN,
}
RULES_SEND = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": QUEUE_ARN,
    "Condition": {"ArnEquals": {"aws:SourceArn": [RULE_ARN]}},
}


def queue_named(name: str) -> dict[str, Any]:
    """Return a queue of the stack as it is in the template."""
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"queue-ends-dev-{name}"}}


@dataclass
class FakeAccount:
    """An account in which all is well, until a test changes an attribute.

    Attributes
    ----------
    stacks
        The status of each stack.
    resources
        The custom resources in the template of the deployed stack: type and properties.
    messages
        By queue's URL: the number of visible messages.
    metrics
        The values of CloudWatch's metrics, keyed by name.
    alarms
        The names of the alarms that are on.
    mapping
        What Lambda says of the event source mapping (see "ListEventSourceMappings" in its API).
    rule_state
        The state of the rule on the partner bus; empty if the rule does not exist.
    """

    secrets: FakeSecrets
    partner_events: FakePartnerEventSources
    stacks: dict[str, str] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, str] = field(
        default_factory=lambda: {"/cdk-bootstrap/hnb659fds/version": "30"}
    )
    policy: list[dict[str, Any]] = field(default_factory=lambda: [GENESYS_SENDS, RULES_SEND])
    messages: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=lambda: {"Invocations": 12.0})
    alarms: list[str] = field(default_factory=list)
    mapping: dict[str, Any] | None = field(
        default_factory=lambda: {
            "UUID": "m-1",
            "EventSourceArn": QUEUE_ARN,
            "State": "Enabled",
            "StateTransitionReason": "USER_INITIATED",
        }
    )
    rule_state: str = "ENABLED"

    def clients(self) -> dict[str, Any]:
        """Return the account's clients by service; the account itself is most of them."""
        services = ("ssm", "cloudformation", "sqs", "lambda", "cloudwatch", "events")
        return {"secretsmanager": self.secrets, **dict.fromkeys(services, self)}

    def deploy(self, resource_type: str, properties: dict[str, Any], **names: Any) -> None:
        """Deploy the stack with a subscription or an integration, and its queues' names."""
        self.stacks[STACK] = "UPDATE_COMPLETE"
        queue = {"Fn::GetAtt": ["Queue", "Arn"]}
        place = {"Region": {"Ref": "AWS::Region"}, "AccountId": {"Ref": "AWS::AccountId"}}
        # The CDK joins texts that name the account and the region.
        texts: dict[str, Any] = {
            key: {"Fn::Join": ["", [properties[key], {"Ref": "AWS::NoValue"}]]}
            for key in ("Description", "Notes")
            if key in properties
        }
        references = {"QueueArn": queue, **place, **texts}
        template = {key: references.get(key, properties[key]) for key in properties}
        self.resources = {
            "Queue": queue_named("intake"),
            "Dead": queue_named("dead"),
            "Undelivered": queue_named("undelivered"),
            "Source": {"Type": resource_type, "Properties": template},
            "Names": {
                "Type": QUEUE_NAMES,
                "Properties": {**PROPERTIES[QUEUE_NAMES], **names},
            },
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {"AlarmName": f"{STACK}-backlog"},
            },
        }

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        if Name not in self.parameters:
            raise _error("ParameterNotFound", "GetParameter")
        return {"Parameter": {"Name": Name, "Value": self.parameters[Name]}}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.stacks:
            message = f"Stack with id {StackName} does not exist"
            raise _error("ValidationError", "DescribeStacks", message)
        outputs = {
            "QueueUrl": QUEUE_URL,
            "QueueArn": QUEUE_ARN,
            "DeadLetterQueueUrl": DEAD_URL,
            "WorkerFunctionName": "worker",
        }
        listed = [{"OutputKey": key, "OutputValue": outputs[key]} for key in outputs]
        return {"Stacks": [{"StackStatus": self.stacks[StackName], "Outputs": listed}]}

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        assert (StackName, TemplateStage) == (STACK, "Original")
        return {"TemplateBody": {"Resources": self.resources}}

    def get_queue_attributes(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        AttributeNames: list[str],  # noqa: N803
    ) -> dict[str, Any]:
        attributes = {
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": self.policy}),
            "ApproximateNumberOfMessages": str(self.messages.get(QueueUrl, 0)),
            "ApproximateNumberOfMessagesNotVisible": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
        }
        return {"Attributes": {name: attributes[name] for name in AttributeNames}}

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "worker"
        return {"EventSourceMappings": [self.mapping] if self.mapping else []}

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"LoggingConfig": {"LogGroup": f"/logs/{FunctionName}"}}

    def get_metric_statistics(self, **query: Any) -> dict[str, Any]:
        value = self.metrics.get(query["MetricName"])
        (statistic,) = query["Statistics"]
        point = {"Timestamp": datetime.now(UTC), statistic: value}
        return {"Datapoints": [] if value is None else [point]}

    def describe_alarms(self, **query: Any) -> dict[str, Any]:
        on = [name for name in self.alarms if name in query["AlarmNames"]]
        return {"MetricAlarms": [{"AlarmName": name} for name in on], "CompositeAlarms": []}

    def describe_event_source(self, **query: Any) -> dict[str, Any]:
        return self.partner_events.describe_event_source(**query)

    def describe_rule(self, *, Name: str, EventBusName: str) -> dict[str, Any]:  # noqa: N803
        if not self.rule_state:
            raise _error("ResourceNotFoundException", "DescribeRule")
        assert (Name, EventBusName) == ("queues-1", BUS)
        return {"Name": Name, "State": self.rule_state}


def _error(code: str, operation: str, message: str = "refused") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)
