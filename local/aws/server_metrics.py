"""Adds AWS's metrics to MiniStack, and gives CloudWatch its own clock.

This module runs inside MiniStack. It wraps MiniStack's functions to record a metric of each call.
"""

import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
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

CLOCK_SECONDS = 0.01
"""How long a reading of the clock's file holds."""
_running: Counter[str] = Counter()
_running_lock = Lock()
_deleted_count: ContextVar[int] = ContextVar("_deleted_count", default=0)


def install(clock_file: Path) -> None:
    """Make MiniStack record AWS's metrics, and stop it from changing the states of alarms.

    Parameters
    ----------
    clock_file
        The file with CloudWatch's time minus the monotonic clock's, in seconds.
    """
    cloudwatch.time = _Clock(clock_file)
    # MiniStack's evaluation ignores dimensions, periods and the treatment of missing data.
    cloudwatch._evaluate_alarm = lambda alarm: None
    # MiniStack's eviction would replace a list while another thread appends to it.
    cloudwatch._evict_old_metrics = lambda: None
    cloudwatch._metric_bucket = lambda key: cloudwatch._metrics.setdefault(key, [])
    cloudwatch_logs._append_log_events = append_log_events
    # MiniStack's own metrics leave out invocations by event source mappings and custom resources.
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


class _Clock:
    """CloudWatch's clock, with the function of the module `time` that MiniStack calls.

    It reads the file only now and then, because each call of a service records metrics.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._offset, self._read_at = file, 0.0, -math.inf

    def time(self) -> float:
        now = time.monotonic()
        if now - self._read_at > CLOCK_SECONDS:
            self._offset, self._read_at = float(self._file.read_text()), now
        return now + self._offset


def append_log_events(stream: Any, events: list[dict[str, Any]]) -> None:
    """Append events to a log stream, with an id for each event that has none."""
    with_ids = [{"eventId": responses.new_uuid(), **event} for event in events]
    _append_log_events(stream, with_ids)


# A throttled request does not count as an invocation (see "Types of metrics for Lambda functions"
# in the AWS Lambda Developer Guide).


def acquire_slot(func: Any, config: dict[str, Any]) -> Any:
    """Acquire an execution slot; record a throttle if none is free."""
    slot, limit = _acquire_slot(func, config)
    if slot is None:
        _record_for_function(config, "Throttles", 1)
    return slot, limit


def dispatch(func: Any, config: dict[str, Any], *invocation: Any) -> dict[str, Any]:
    """Run a function and record its metrics."""
    name, began = config["FunctionName"], time.monotonic()
    with _running_lock:
        _running[name] += 1
        _record_for_function(config, "ConcurrentExecutions", _running[name])
    try:
        result: dict[str, Any] = _dispatch(func, config, *invocation)
    finally:
        with _running_lock:
            _running[name] -= 1
    throttled = bool(result.get("throttle"))
    _record_for_function(config, "Throttles", int(throttled))
    if not throttled:
        _record_for_function(config, "Invocations", 1)
        _record_for_function(config, "Errors", int(bool(result.get("error"))))
        milliseconds = (time.monotonic() - began) * 1000
        _record_for_function(config, "Duration", milliseconds, "Milliseconds")
    return result


# A mapping of an SQS queue without a filter has four metrics (see "Event source mapping metrics" in
# the AWS Lambda Developer Guide).


def run_batch(esm: dict[str, Any], func: Any, event: dict[str, Any], *queue: Any) -> None:
    """Invoke a function with a batch, and record the event source mapping's metrics."""
    size = len(event["Records"])
    _record_for_mapping(esm, "PolledEventCount", size)
    _record_for_mapping(esm, "InvokedEventCount", size)
    token = _deleted_count.set(0)
    try:
        _run_batch(esm, func, event, *queue)
    finally:
        deleted = _deleted_count.get()
        _deleted_count.reset(token)
        _record_for_mapping(esm, "DeletedEventCount", deleted)
        _record_for_mapping(esm, "FailedInvokeEventCount", size - deleted)


# A message that SQS moves to a dead-letter queue does not count as sent (see "Available CloudWatch
# metrics for Amazon SQS" in the Amazon SQS Developer Guide).


def send_message(data: dict[str, Any], url: str) -> dict[str, Any]:
    """Send a message."""
    response: dict[str, Any] = _send_message(data, url)
    _record_for_queue(sqs._get_q(data.get("QueueUrl", url)), "NumberOfMessagesSent", 1)
    return response


def collect(queue: dict[str, Any], *options: Any) -> list[dict[str, Any]]:
    """Receive messages."""
    messages: list[dict[str, Any]] = _collect(queue, *options)
    if messages:
        _record_for_queue(queue, "NumberOfMessagesReceived", len(messages))
    return messages


def delete_message(data: dict[str, Any], url: str) -> dict[str, Any]:
    """Delete a message."""
    response: dict[str, Any] = _delete_message(data, url)
    _record_for_queue(sqs._get_q(data.get("QueueUrl", url)), "NumberOfMessagesDeleted", 1)
    return response


def delete_message_batch(data: dict[str, Any], url: str) -> dict[str, Any]:
    """Delete messages."""
    response: dict[str, Any] = _delete_message_batch(data, url)
    if response["Successful"]:
        queue = sqs._get_q(data.get("QueueUrl", url))
        _record_for_queue(queue, "NumberOfMessagesDeleted", len(response["Successful"]))
    return response


def delete_for_mapping(url: str, receipt_handles: set[str]) -> None:
    """Delete the messages that an event source mapping has finished."""
    _delete_for_mapping(url, receipt_handles)
    _deleted_count.set(_deleted_count.get() + len(receipt_handles))
    _record_for_queue(sqs._get_q(url), "NumberOfMessagesDeleted", len(receipt_handles))


# A write of at most 1 KB costs one unit, even if its condition fails. A strongly consistent read of
# at most 4 KB costs one unit, and an eventually consistent read half a unit, even if the item does
# not exist (see "Read and write operations" in the Amazon DynamoDB Developer Guide).


def batch_execute_statement(data: dict[str, Any]) -> Any:
    """Run PartiQL statements."""
    response = _batch_execute_statement(data)
    status, _, body = response
    if status == 200:
        units: defaultdict[tuple[str, str], float] = defaultdict(float)
        for statement, result in zip(
            data["Statements"], json.loads(body)["Responses"], strict=True
        ):
            if "TableName" not in result:  # refused before it reached the table
                continue
            if statement["Statement"].lstrip()[:6].upper() == "SELECT":
                read = 1.0 if statement.get("ConsistentRead") else 0.5
                units[result["TableName"], "ConsumedReadCapacityUnits"] += read
            else:
                units[result["TableName"], "ConsumedWriteCapacityUnits"] += 1
        for (table, name), value in units.items():
            _record_for_table(table, name, value)
    return response


def batch_get_item(data: dict[str, Any]) -> Any:
    """Read items."""
    response = _batch_get_item(data)
    if response[0] == 200:
        for table, items in data["RequestItems"].items():
            name = dynamodb._normalize_table_name(table)
            units = len(items["Keys"]) * (1.0 if items.get("ConsistentRead") else 0.5)
            _record_for_table(name, "ConsumedReadCapacityUnits", units)
    return response


def _record_for_function(
    config: dict[str, Any], name: str, value: float, unit: str = "Count"
) -> None:
    cloudwatch.record_metric(
        "AWS/Lambda", name, value, unit, {"FunctionName": config["FunctionName"]}
    )


def _record_for_mapping(esm: dict[str, Any], name: str, value: float) -> None:
    dimensions = {"EventSourceMappingUUID": esm["UUID"]}
    cloudwatch.record_metric("AWS/Lambda", name, value, "Count", dimensions)


def _record_for_table(table: str, name: str, value: float) -> None:
    cloudwatch.record_metric("AWS/DynamoDB", name, value, "Count", {"TableName": table})


def _record_for_queue(queue: dict[str, Any], name: str, value: float) -> None:
    *_, region, account, queue_name = queue["attributes"]["QueueArn"].split(":")
    with _acting_in(account, region):
        cloudwatch.record_metric("AWS/SQS", name, value, "Count", {"QueueName": queue_name})


@contextmanager
def _acting_in(account: str, region: str) -> Iterator[None]:
    """Make MiniStack record metrics in `account` and `region` during the `with` block.

    Outside the block, it records them in the sender's account and region.
    """
    account_token = responses._request_account_id.set(account)
    region_token = responses._request_region.set(region)
    try:
        yield
    finally:
        responses._request_region.reset(region_token)
        responses._request_account_id.reset(account_token)
