"""A deployed stack in memory: AWS services with the answers that the commands read.

The answers have the form that the API references of the services document. Parameters are checked
against botocore's models.
"""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from tests.fakes.aws.model import Types

QUEUES = ("a1b2c3d4-e5f6-7890-1234-567890abcdef", "b1b2c3d4-e5f6-7890-1234-567890abcdef")
INTAKE, DEAD, UNDELIVERED = (
    f"https://sqs.eu-west-1.amazonaws.com/123456789012/queue-ends-dev-{name}"
    for name in ("intake", "dead", "undelivered")
)
WORKER, WATCHDOG = "QueueEnds-dev-Worker", "QueueEnds-dev-Watchdog"
WORKER_LOG, WATCHDOG_LOG = "QueueEnds-dev-WorkerLogs", "QueueEnds-dev-WatchdogLogs"
TABLE = "QueueEnds-dev-Ledger"
MAPPING = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"
ALARM = "QueueEnds-dev-backlog"

Parameters = Mapping[str, Any]


class Service:
    """A service whose operations are methods; `call` is what each method begins with."""

    def __init__(self, name: str) -> None:
        self.calls: list[tuple[str, Parameters]] = []
        self._types = Types(name)

    def call(self, operation: str, parameters: Parameters) -> None:
        self.calls.append((operation, parameters))
        if problems := self._types.problems(operation, parameters):
            raise ParamValidationError(report=problems)

    def get_paginator(self, name: str) -> "Paginator":
        return Paginator(getattr(self, name), _TOKENS[name])


# The parameter and the response's field that hold the token of the next page.
_TOKENS = {
    "list_stack_resources": ("NextToken", "NextToken"),
    "filter_log_events": ("nextToken", "nextToken"),
    "query": ("ExclusiveStartKey", "LastEvaluatedKey"),
    "scan": ("ExclusiveStartKey", "LastEvaluatedKey"),
}


@dataclass
class Paginator:
    operation: Callable[..., dict[str, Any]]
    tokens: tuple[str, str]

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        into, out = self.tokens
        while True:
            page = self.operation(**parameters)
            yield page
            if not page.get(out):
                return
            parameters = {**parameters, into: page[out]}


class CloudFormation(Service):
    def __init__(self) -> None:
        super().__init__("cloudformation")
        self.status = "UPDATE_COMPLETE"
        self.outputs = {
            "QueueUrl": INTAKE,
            "DeadLetterQueueUrl": DEAD,
            "LedgerTableName": TABLE,
            "WorkerFunctionName": WORKER,
            "SubscriptionId": "5c1d7f2a-0a6b-4a59-9a3f-2c1f5a1b0002",
        }
        self.resources = {
            "IntakeQueue1A": ("AWS::SQS::Queue", INTAKE),
            "IntakeDeadLetterQueue1B": ("AWS::SQS::Queue", DEAD),
            "WorkerFunction1C": ("AWS::Lambda::Function", WORKER),
            "WorkerLogs1D": ("AWS::Logs::LogGroup", WORKER_LOG),
            "WorkerMapping1E": ("AWS::Lambda::EventSourceMapping", MAPPING),
            "WatchdogFunction1F": ("AWS::Lambda::Function", WATCHDOG),
            "WatchdogLogs2A": ("AWS::Logs::LogGroup", WATCHDOG_LOG),
            "Monitoringbacklog2B": ("AWS::CloudWatch::Alarm", ALARM),
            "Monitoringhealth2C": ("AWS::CloudWatch::CompositeAlarm", "QueueEnds-dev-health"),
        }

    def describe_stacks(self, **parameters: Any) -> dict[str, Any]:
        self.call("DescribeStacks", parameters)
        if parameters["StackName"] != "QueueEnds-dev":
            raise error("ValidationError", "Stack with id … does not exist")
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": outputs}]}

    def list_stack_resources(self, **parameters: Any) -> dict[str, Any]:
        self.call("ListStackResources", parameters)
        summaries = [
            {
                "LogicalResourceId": logical_id,
                "ResourceType": type_,
                "PhysicalResourceId": physical_id,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical_id, (type_, physical_id) in self.resources.items()
        ]
        start = int(parameters.get("NextToken", 0))
        page: dict[str, Any] = {"StackResourceSummaries": summaries[start : start + 4]}
        return page | ({"NextToken": str(start + 4)} if start + 4 < len(summaries) else {})


class Lambda(Service):
    def __init__(self) -> None:
        super().__init__("lambda")
        self.mapping_state = "Enabled"
        self.variables = {
            "QUEUE_IDS": ",".join(QUEUES),
            "QUEUE_NAMES": "Support\nSales",
            "DESTINATIONS": "actions,bus",
        }

    def get_function_configuration(self, **parameters: Any) -> dict[str, Any]:
        self.call("GetFunctionConfiguration", parameters)
        log_group = {WORKER: WORKER_LOG, WATCHDOG: WATCHDOG_LOG}[parameters["FunctionName"]]
        return {
            "Environment": {"Variables": self.variables},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": log_group},
        }

    def get_event_source_mapping(self, **parameters: Any) -> dict[str, Any]:
        self.call("GetEventSourceMapping", parameters)
        assert parameters["UUID"] == MAPPING
        return {"UUID": MAPPING, "State": self.mapping_state}


@dataclass
class Queued:
    """A message in a queue; `receipt_handle` is empty while it is visible."""

    id: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    receipt_handle: str = ""


class Sqs(Service):
    """Queues whose messages stay invisible once received, until they are given back."""

    def __init__(self) -> None:
        super().__init__("sqs")
        self.queues: dict[str, list[Queued]] = {INTAKE: [], DEAD: [], UNDELIVERED: []}
        self.on_send: Callable[[str, str], object] = lambda message_id, body: None
        self._ids = itertools.count(1)

    def put(self, url: str, body: str, **attributes: str) -> str:
        """Put a message into a queue and return its id."""
        message = Queued(f"message-{next(self._ids)}", body, attributes)
        self.queues[url].append(message)
        return message.id

    def visible(self, url: str) -> list[str]:
        """Return the ids of the messages that can be received."""
        return [message.id for message in self.queues[url] if not message.receipt_handle]

    def send_message(self, **parameters: Any) -> dict[str, Any]:
        self.call("SendMessage", parameters)
        message_id = self.put(parameters["QueueUrl"], parameters["MessageBody"])
        self.on_send(message_id, parameters["MessageBody"])
        return {"MessageId": message_id}

    def receive_message(self, **parameters: Any) -> dict[str, Any]:
        self.call("ReceiveMessage", parameters)
        assert parameters["QueueUrl"] != INTAKE, "the worker's messages must not be taken away"
        visible = [m for m in self.queues[parameters["QueueUrl"]] if not m.receipt_handle]
        messages = []
        for message in visible[: parameters["MaxNumberOfMessages"]]:
            message.receipt_handle = f"receipt of {message.id}"
            attributes = {
                name: {"StringValue": value, "DataType": "String"}
                for name, value in message.attributes.items()
            }
            messages.append(
                {
                    "MessageId": message.id,
                    "ReceiptHandle": message.receipt_handle,
                    "Body": message.body,
                    "Attributes": {"SentTimestamp": "1795428005000"},
                    **({"MessageAttributes": attributes} if attributes else {}),
                }
            )
        return {"Messages": messages} if messages else {}

    def delete_message(self, **parameters: Any) -> dict[str, Any]:
        self.call("DeleteMessage", parameters)
        queue = self.queues[parameters["QueueUrl"]]
        queue[:] = [m for m in queue if m.receipt_handle != parameters["ReceiptHandle"]]
        return {}

    def change_message_visibility_batch(self, **parameters: Any) -> dict[str, Any]:
        self.call("ChangeMessageVisibilityBatch", parameters)
        handles = {entry["ReceiptHandle"] for entry in parameters["Entries"]}
        assert 1 <= len(parameters["Entries"]) <= 10
        for message in self.queues[parameters["QueueUrl"]]:
            if message.receipt_handle in handles:
                message.receipt_handle = ""
        return {}

    def get_queue_attributes(self, **parameters: Any) -> dict[str, Any]:
        self.call("GetQueueAttributes", parameters)
        url = parameters["QueueUrl"]
        visible = len(self.visible(url))
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(visible),
                "ApproximateNumberOfMessagesNotVisible": str(len(self.queues[url]) - visible),
                "ApproximateNumberOfMessagesDelayed": "0",
            }
        }


class DynamoDb(Service):
    """The ledger's table, in pages of `page_size` items."""

    def __init__(self) -> None:
        super().__init__("dynamodb")
        self.items: list[dict[str, Any]] = []
        self.page_size = 3
        self.after_delete: Callable[[], object] = lambda: None

    def put_end(self, conversation_id: str, queue: str = QUEUES[0], **changes: Any) -> None:
        """Record an end as the worker does; `changes` are plain values."""
        values: dict[str, Any] = {
            "state": "done",
            "claimed_by": "f00d",
            "lease_until": 0,
            "ended_at": 1_795_428_000_000,
            "delivered": ["actions", "bus"],
            "source": "subscription",
            "expires_at": 1_799_748_000,
        }
        item = {"conversation_id": conversation_id, "queue_id": queue, **values, **changes}
        self.items.append({name: _typed(value) for name, value in item.items()})

    def put_join(self, conversation_id: str, at_ms: int) -> None:
        """Record a conversation's join item, with an event and a customer's end."""
        end = {"M": {"latest_ms": {"N": str(at_ms)}, "decided": {"S": QUEUES[0]}}}
        self.items.append(
            {
                "conversation_id": {"S": conversation_id},
                "queue_id": {"S": "#join"},
                "version": {"N": "2"},
                "queues": {"M": {QUEUES[0]: {"L": [{"N": str(at_ms)}]}}},
                "ends": {"M": {str(at_ms): end}},
            }
        )

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        self.call("GetItem", parameters)
        assert parameters["ConsistentRead"]
        found = [each for each in self.items if parameters["Key"].items() <= each.items()]
        return {"Item": found[0]} if found else {}

    def query(self, **parameters: Any) -> dict[str, Any]:
        self.call("Query", parameters)
        assert parameters["ConsistentRead"]
        assert parameters["KeyConditionExpression"] == "conversation_id = :id"
        id_ = parameters["ExpressionAttributeValues"][":id"]
        return self._page([i for i in self.items if i["conversation_id"] == id_], parameters)

    def scan(self, **parameters: Any) -> dict[str, Any]:
        self.call("Scan", parameters)
        return self._page(self.items, parameters)

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        self.call("DeleteItem", parameters)
        assert set(parameters["Key"]) == {"conversation_id", "queue_id"}
        self.items = [i for i in self.items if not parameters["Key"].items() <= i.items()]
        self.after_delete()
        return {}

    def _page(self, items: list[dict[str, Any]], parameters: Parameters) -> dict[str, Any]:
        start = 0
        if key := parameters.get("ExclusiveStartKey"):
            start = next(n for n, item in enumerate(items) if key.items() <= item.items()) + 1
        page = items[start : start + self.page_size]
        last = {}
        if start + self.page_size < len(items):
            key = {name: page[-1][name] for name in ("conversation_id", "queue_id")}
            last = {"LastEvaluatedKey": key}
        return {"Items": page, "Count": len(page), **last}


class Logs(Service):
    """Log groups in pages of two events; a page can be empty, as on AWS."""

    def __init__(self) -> None:
        super().__init__("logs")
        self.groups: dict[str, list[dict[str, Any]]] = {WORKER_LOG: [], WATCHDOG_LOG: []}
        self._ids = itertools.count(1)

    def write(self, group: str, line: Mapping[str, Any] | str, at_ms: int | None = None) -> None:
        """Write a line, by default at the present time."""
        text = line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))
        at = time.time_ns() // 1_000_000 if at_ms is None else at_ms
        event = {"eventId": f"event-{next(self._ids)}", "timestamp": at, "message": text}
        self.groups[group].append(event)

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]:
        self.call("FilterLogEvents", parameters)
        if parameters["logGroupName"] not in self.groups:
            raise error("ResourceNotFoundException", "The specified log group does not exist.")
        events = [
            event
            for event in sorted(
                self.groups[parameters["logGroupName"]], key=lambda e: e["timestamp"]
            )
            if event["timestamp"] >= parameters["startTime"]
        ]
        start = int(parameters.get("nextToken", 0))
        page = [e for e in events[start : start + 2] if _matches(e, parameters["filterPattern"])]
        following = {"nextToken": str(start + 2)} if start + 2 < len(events) else {}
        return {"events": page, "searchedLogStreams": [], **following}


class CloudWatch(Service):
    def __init__(self) -> None:
        super().__init__("cloudwatch")
        self.alarms = {ALARM: "OK", "QueueEnds-dev-health": "OK"}
        self.ages: dict[str, list[float]] = {}

    def describe_alarms(self, **parameters: Any) -> dict[str, Any]:
        self.call("DescribeAlarms", parameters)
        found = [
            {"AlarmName": name, "StateValue": state}
            for name, state in self.alarms.items()
            if name in parameters["AlarmNames"]
        ]
        composite = [alarm for alarm in found if alarm["AlarmName"].endswith("-health")]
        metric = [alarm for alarm in found if alarm not in composite]
        return {"MetricAlarms": metric, "CompositeAlarms": composite}

    def get_metric_statistics(self, **parameters: Any) -> dict[str, Any]:
        self.call("GetMetricStatistics", parameters)
        (dimension,) = parameters["Dimensions"]
        now = datetime.now(UTC)
        points = [
            {"Timestamp": now - timedelta(minutes=age), "Maximum": value, "Unit": "Seconds"}
            for age, value in enumerate(self.ages.get(dimension["Value"], []))
        ]
        return {"Label": parameters["MetricName"], "Datapoints": points}


class DeployedStack:
    """The stack of stage dev, and the services that it is made of."""

    def __init__(self) -> None:
        self.cloudformation = CloudFormation()
        self.functions = Lambda()
        self.sqs = Sqs()
        self.dynamodb = DynamoDb()
        self.logs = Logs()
        self.cloudwatch = CloudWatch()

    def clients(self) -> dict[str, Any]:
        """Return the clients by service."""
        return {
            "cloudformation": self.cloudformation,
            "lambda": self.functions,
            "sqs": self.sqs,
            "dynamodb": self.dynamodb,
            "logs": self.logs,
            "cloudwatch": self.cloudwatch,
        }

    def add_undelivered_queue(self) -> None:
        """Let the stack have the third queue, as with the delivery `eventbridge`."""
        self.cloudformation.resources["EventSourceDeadLetterQueue3A"] = (
            "AWS::SQS::Queue",
            UNDELIVERED,
        )


def batch_line(**counts: int) -> dict[str, Any]:
    """Return the worker's line for a batch."""
    names = ("received", "processed", "duplicate", "ignored", "rejected", "failed", "ended")
    return {"message": "Batch", **dict.fromkeys(names, 0), **counts, "reasons": {}}


def warning_line(message_id: str, outcome: str, reason: str, detail: str = "") -> dict[str, Any]:
    """Return the worker's line for a message that was rejected or failed."""
    line = {"level": "WARNING", "message": "Message", "message_id": message_id}
    return {**line, "outcome": outcome, "reason": reason, "detail": detail, "receives": 1}


def end_line(conversation_id: str) -> dict[str, Any]:
    """Return the line of the example action."""
    ids = {"conversation_id": conversation_id, "queue_id": QUEUES[0]}
    return {"level": "INFO", "message": "Conversation ended", "service": "actions", **ids}


def error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "TheOperation")


def _matches(event: Mapping[str, Any], pattern: str) -> bool:
    """Return whether an event matches a quoted term; patterns in braces match every event."""
    term = re.fullmatch(r'"(.*)"', pattern)
    return term is None or term[1] in event["message"]


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
    return {"L": [_typed(each) for each in value]}
