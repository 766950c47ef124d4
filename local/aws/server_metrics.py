"""The metrics that AWS records of itself and MiniStack does not, and the clock that they go by.

It runs inside MiniStack, around the functions of it that do what is counted.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

from ministack.core import responses  # type: ignore[import-untyped]
from ministack.services import (  # type: ignore[import-untyped]
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    lambda_svc,
    sqs,
)

_batch_execute_statement = dynamodb._batch_execute_statement
_batch_get_item = dynamodb._batch_get_item
_append_log_events = cloudwatch_logs._append_log_events
_collect = sqs._collect_msgs
_delete_for_mapping = sqs._delete_messages_for_esm
_dispatch = lambda_svc._execute_function_dispatch
_acquire_slot = lambda_svc._acquire_execution_slot
_run_batch = lambda_svc._run_sqs_batch
_send_message = sqs._act_send_message
_delete_message = sqs._act_delete_message
_delete_message_batch = sqs._act_delete_message_batch

_running: Counter[str] = Counter()
_running_lock = Lock()
_deleted: ContextVar[int] = ContextVar("_deleted", default=0)


def install(clock_file: Path) -> None:
    """Have MiniStack record what AWS does, and leave the state of alarms alone.

    Parameters
    ----------
    clock_file
        Says what time it was for CloudWatch when the monotonic clock was at 0.
    """
    cloudwatch.time = SimpleNamespace(time=lambda: time.monotonic() + float(clock_file.read_text()))
    # It knows neither dimensions nor periods nor what missing data mean.
    cloudwatch._evaluate_alarm = lambda alarm: None
    # It would put another list in the place of one that a thread is just adding to.
    cloudwatch._evict_old_metrics = lambda: None
    cloudwatch._metric_bucket = lambda key: cloudwatch._metrics.setdefault(key, [])
    cloudwatch_logs._append_log_events = append_log_events
    # It leaves out what an event source mapping or a custom resource invokes.
    lambda_svc._emit_lambda_metrics = lambda *_, **__: None
    lambda_svc._execute_function_dispatch = dispatch
    lambda_svc._acquire_execution_slot = acquire_slot
    lambda_svc._run_sqs_batch = run_batch
    sqs._collect_msgs = collect
    sqs._delete_messages_for_esm = delete_for_mapping
    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = send_message
    sqs._HANDLERS["DeleteMessage"] = delete_message
    sqs._HANDLERS["DeleteMessageBatch"] = delete_message_batch
    dynamodb._batch_execute_statement = batch_execute_statement
    dynamodb._batch_get_item = batch_get_item


def append_log_events(stream: Any, events: list[dict[str, Any]]) -> None:
    """Append to a log stream; every event has an id, those of functions too."""
    named = [{"eventId": responses.new_uuid(), **event} for event in events]
    _append_log_events(stream, named)


# AWS: "Types of metrics for Lambda functions". A throttled request is no invocation.


def acquire_slot(func: Any, config: dict[str, Any]) -> Any:
    """Take a place to run; record where there is none left."""
    slot, limit = _acquire_slot(func, config)
    if slot is None:
        _of_function(config, "Throttles", 1)
    return slot, limit


def dispatch(func: Any, config: dict[str, Any], *invocation: Any) -> dict[str, Any]:
    """Run a function, and record how it went."""
    name, began = config["FunctionName"], time.monotonic()
    with _running_lock:
        _running[name] += 1
        _of_function(config, "ConcurrentExecutions", _running[name])
    try:
        result: dict[str, Any] = _dispatch(func, config, *invocation)
    finally:
        with _running_lock:
            _running[name] -= 1
    throttled = bool(result.get("throttle"))
    _of_function(config, "Throttles", int(throttled))
    if not throttled:
        _of_function(config, "Invocations", 1)
        _of_function(config, "Errors", int(bool(result.get("error"))))
        milliseconds = (time.monotonic() - began) * 1000
        _of_function(config, "Duration", milliseconds, "Milliseconds")
    return result


# AWS: "Event source mapping metrics", of which SQS has these four without a filter.


def run_batch(esm: dict[str, Any], func: Any, event: dict[str, Any], *of_queue: Any) -> None:
    """Have a function process a batch of messages, and record what became of them."""
    counted = len(event["Records"])
    _of_mapping(esm, "PolledEventCount", counted)
    _of_mapping(esm, "InvokedEventCount", counted)
    before = _deleted.set(0)
    try:
        _run_batch(esm, func, event, *of_queue)
    finally:
        done = _deleted.get()
        _deleted.reset(before)
        _of_mapping(esm, "DeletedEventCount", done)
        _of_mapping(esm, "FailedInvokeEventCount", counted - done)


# AWS: "Available CloudWatch metrics for Amazon SQS". What is moved to a dead-letter queue by
# redrive is not sent.


def send_message(data: dict[str, Any], url: str) -> dict[str, Any]:
    """Put a message into a queue."""
    answer: dict[str, Any] = _send_message(data, url)
    _of_queue(sqs._get_q(data.get("QueueUrl", url)), "NumberOfMessagesSent", 1)
    return answer


def collect(queue: dict[str, Any], *how: Any) -> list[dict[str, Any]]:
    """Receive messages."""
    messages: list[dict[str, Any]] = _collect(queue, *how)
    if messages:
        _of_queue(queue, "NumberOfMessagesReceived", len(messages))
    return messages


def delete_message(data: dict[str, Any], url: str) -> dict[str, Any]:
    """Delete a message."""
    answer: dict[str, Any] = _delete_message(data, url)
    _of_queue(sqs._get_q(data.get("QueueUrl", url)), "NumberOfMessagesDeleted", 1)
    return answer


def delete_message_batch(data: dict[str, Any], url: str) -> dict[str, Any]:
    """Delete messages."""
    answer: dict[str, Any] = _delete_message_batch(data, url)
    if answer["Successful"]:
        queue = sqs._get_q(data.get("QueueUrl", url))
        _of_queue(queue, "NumberOfMessagesDeleted", len(answer["Successful"]))
    return answer


def delete_for_mapping(url: str, receipt_handles: set[str]) -> None:
    """Delete the messages that an event source mapping is done with."""
    _delete_for_mapping(url, receipt_handles)
    _deleted.set(_deleted.get() + len(receipt_handles))
    _of_queue(sqs._get_q(url), "NumberOfMessagesDeleted", len(receipt_handles))


# Amazon DynamoDB Developer Guide, "Read and write operations": an item of at most 1 KB costs a
# unit to write, whether or not its condition holds; of at most 4 KB a unit to read consistently,
# half of one otherwise, whether or not it is there.


def batch_execute_statement(data: dict[str, Any]) -> Any:
    """Run PartiQL statements."""
    answer = _batch_execute_statement(data)
    status, _, body = answer
    if status == 200:
        for statement, of_one in zip(
            data["Statements"], json.loads(body)["Responses"], strict=True
        ):
            if "TableName" not in of_one:  # refused before it reached the table
                continue
            if statement["Statement"].lstrip()[:6].upper() == "SELECT":
                units = 1.0 if statement.get("ConsistentRead") else 0.5
                _of_table(of_one["TableName"], "ConsumedReadCapacityUnits", units)
            else:
                _of_table(of_one["TableName"], "ConsumedWriteCapacityUnits", 1)
    return answer


def batch_get_item(data: dict[str, Any]) -> Any:
    """Read items."""
    answer = _batch_get_item(data)
    if answer[0] == 200:
        for table, asked in data["RequestItems"].items():
            units = len(asked["Keys"]) * (1.0 if asked.get("ConsistentRead") else 0.5)
            _of_table(dynamodb._normalize_table_name(table), "ConsumedReadCapacityUnits", units)
    return answer


def _of_function(config: dict[str, Any], name: str, value: float, unit: str = "Count") -> None:
    cloudwatch.record_metric(
        "AWS/Lambda", name, value, unit, {"FunctionName": config["FunctionName"]}
    )


def _of_mapping(esm: dict[str, Any], name: str, value: float) -> None:
    dimensions = {"EventSourceMappingUUID": esm["UUID"]}
    cloudwatch.record_metric("AWS/Lambda", name, value, "Count", dimensions)


def _of_table(table: str, name: str, value: float) -> None:
    cloudwatch.record_metric("AWS/DynamoDB", name, value, "Count", {"TableName": table})


def _of_queue(queue: dict[str, Any], name: str, value: float) -> None:
    *_, region, account, queue_name = queue["attributes"]["QueueArn"].split(":")
    with _in(account, region):
        cloudwatch.record_metric("AWS/SQS", name, value, "Count", {"QueueName": queue_name})


@contextmanager
def _in(account: str, region: str) -> Iterator[None]:
    """Act in an account and a region: a queue's owner counts, not who sends to it."""
    of_account = responses._request_account_id.set(account)
    of_region = responses._request_region.set(region)
    try:
        yield
    finally:
        responses._request_region.reset(of_region)
        responses._request_account_id.reset(of_account)
