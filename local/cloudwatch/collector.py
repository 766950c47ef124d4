"""CloudWatch for the offline world: the metrics and alarm states that MiniStack lacks.

MiniStack stores metrics and alarms. It does not extract metrics from log lines, measure the depth
of queues or set the states of alarms. This module does this from outside MiniStack. The module
`server_metrics.py` adds the metrics that can only be counted inside MiniStack.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator
from local.cloudwatch.alarm_states import MINUTE, Alarm, evaluate, evaluation_window, statistic_of
from local.cloudwatch.embedded_metrics import Metric, metrics_of
from local.cloudwatch.metric_lines import MetricLines
from local.cloudwatch.queue_gauges import QueueGauges

DATA_PER_CALL = 500
"""The most metric data in a `PutMetricData` call. AWS accepts up to 1,000 if they are small."""


class CloudWatch:
    """The metrics and alarms of a deployed stack, which `collect` updates.

    CloudWatch's time equals this machine's time until a test calls `put_forward` or sets this
    machine's clock. `put_forward` affects CloudWatch only, not the time of queues and schedules.

    Parameters
    ----------
    aws
        The emulator to which the stack is deployed.
    deployment_outputs
        The stack's outputs; the health alarm notifies `AlarmTopicArn`.
    stack_name
        The stack's name. After another deployment, create a new `CloudWatch`.
    template
        The file with the stack's template, whose metadata define the health alarm.
    """

    def __init__(
        self,
        aws: Emulator,
        deployment_outputs: Mapping[str, str],
        stack_name: str,
        template: Path,
    ) -> None:
        self._clock_file = aws.clock_file
        self._outputs = deployment_outputs
        self._template = template
        self._metrics: Any = aws.client("cloudwatch")
        self._mappings: Any = aws.client("lambda")
        self._units = self._metrics.meta.service_model.shape_for("StandardUnit").enum
        ids = _resource_ids(aws.client("cloudformation"), stack_name)
        self._alarm_names = ids["AWS::CloudWatch::Alarm"]
        self._mapping_ids = ids["AWS::Lambda::EventSourceMapping"]
        logs = aws.client("logs")
        self._logs = [MetricLines(logs, group) for group in ids["AWS::Logs::LogGroup"]]
        self._queues = [QueueGauges(aws, url) for url in ids["AWS::SQS::Queue"]]
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """Return CloudWatch's present time."""
        return datetime.fromtimestamp(time.time() + self._seconds_ahead(), UTC)

    def put_forward(self, seconds: float) -> None:
        """Put CloudWatch's time forward minute by minute, and collect after each minute.

        Nothing else happens meanwhile. For example, messages stay in their queue and get older.
        """
        with self._lock:
            self.collect()
            offset = float(self._clock_file.read_text())
            last_offset = offset + seconds
            while offset < last_offset:
                offset = min(offset + MINUTE, last_offset)
                _replace_content(self._clock_file, str(offset))
                self.collect()

    def collect(self) -> None:
        """Collect all new metrics, then set the state of every alarm.

        Raises
        ------
        Dropped
            CloudWatch would drop some metrics of a log line.
        """
        with self._lock:
            ahead = self._seconds_ahead()
            now = time.time() + ahead
            metrics = [
                replace(metric, at=metric.at + ahead)
                for lines in self._logs
                for line, ingested in lines.read_new()
                for metric in metrics_of(line, ingested, self._units)
            ]
            for queue in self._queues:
                metrics += queue.measure(now, ahead)
            metrics += self._heartbeats(now)
            self._put(metrics)
            self.evaluate()

    def evaluate(self) -> None:
        """Set the state of every alarm from its metric."""
        with self._lock:
            if not self._alarm_names:
                return
            now = time.time() + self._seconds_ahead()
            response = self._metrics.describe_alarms(AlarmNames=self._alarm_names, MaxRecords=100)
            alarms: list[Alarm] = response["MetricAlarms"]
            for alarm, minutes in zip(alarms, self._values_by_minute(alarms, now), strict=True):
                state = evaluate(alarm, minutes, now)
                if state.value != alarm["StateValue"]:
                    self._metrics.set_alarm_state(
                        AlarmName=alarm["AlarmName"],
                        StateValue=state.value,
                        StateReason=state.reason,
                    )

    def states(self) -> dict[str, str]:
        """Return the alarms' states, including the health alarm's, keyed by the alarm's name."""
        names = [*self._alarm_names, self._health_alarm()["AlarmName"]]
        response = self._metrics.describe_alarms(
            AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
        )
        return {
            alarm["AlarmName"]: alarm["StateValue"]
            for alarm in (*response["MetricAlarms"], *response["CompositeAlarms"])
        }

    def add_health_alarm(self) -> None:
        """Create the health alarm. The emulator does not accept composite alarms in templates."""
        sns_topic = [self._outputs["AlarmTopicArn"]]
        self._metrics.put_composite_alarm(
            **self._health_alarm(), AlarmActions=sns_topic, OKActions=sns_topic
        )

    def remove_health_alarm(self) -> None:
        """Delete the health alarm, which keeps CloudFormation from deleting its child alarms."""
        self._metrics.delete_alarms(AlarmNames=[self._health_alarm()["AlarmName"]])

    def _health_alarm(self) -> dict[str, str]:
        metadata = json.loads(self._template.read_text())["Metadata"]
        health: dict[str, str] = metadata["QueueEnds"]["HealthAlarm"]
        return health

    def _seconds_ahead(self) -> float:
        """Return the seconds by which CloudWatch's clock is ahead of this machine's."""
        return float(self._clock_file.read_text()) + time.monotonic() - time.time()

    def _heartbeats(self, now: float) -> Iterator[Metric]:
        """Yield a zero for each enabled event source mapping, as AWS does if no messages arrive."""
        for mapping_id in self._mapping_ids:
            try:
                mapping = self._mappings.get_event_source_mapping(UUID=mapping_id)
            except self._mappings.exceptions.ResourceNotFoundException:
                continue
            if mapping["State"] == "Enabled":
                dimensions = {"EventSourceMappingUUID": mapping_id}
                yield Metric("AWS/Lambda", "PolledEventCount", dimensions, "Count", now, (0,))

    def _put(self, metrics: Iterable[Metric]) -> None:
        data = defaultdict(list)
        for metric in metrics:
            counts = Counter(metric.values)
            data[metric.namespace].append(
                {
                    "MetricName": metric.name,
                    "Dimensions": [
                        {"Name": name, "Value": value} for name, value in metric.dimensions.items()
                    ],
                    "Timestamp": datetime.fromtimestamp(metric.at, UTC),
                    "Unit": metric.unit,
                    "Values": list(counts),
                    "Counts": list(counts.values()),
                }
            )
        for namespace, metric_data in data.items():
            for start in range(0, len(metric_data), DATA_PER_CALL):
                part = metric_data[start : start + DATA_PER_CALL]
                self._metrics.put_metric_data(Namespace=namespace, MetricData=part)

    def _values_by_minute(self, alarms: list[Alarm], now: float) -> Iterator[dict[int, float]]:
        """Yield the values of each alarm's metric, keyed by the minute's first second."""
        queries = []
        for number, alarm in enumerate(alarms):
            metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
            stat = {"Metric": metric, "Period": MINUTE, "Stat": statistic_of(alarm)}
            queries.append({"Id": f"alarm{number}", "MetricStat": stat})
        windows = [evaluation_window(alarm, now) for alarm in alarms]
        response = self._metrics.get_metric_data(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(min(begins for begins, _ in windows), UTC),
            EndTime=datetime.fromtimestamp(max(ends for _, ends in windows), UTC),
        )
        for result in response["MetricDataResults"]:
            minutes = [int(at.timestamp()) for at in result["Timestamps"]]
            yield dict(zip(minutes, result["Values"], strict=True))


@contextmanager
def collecting(cloudwatch: CloudWatch, interval: float = 1.0) -> Iterator[None]:
    """Collect every `interval` seconds during the `with` block, and once more after the block.

    If collecting fails during the block, the error is raised after the block.
    """
    block_ended = threading.Event()

    def collect() -> None:
        while not block_ended.wait(interval):
            cloudwatch.collect()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(collect)
        try:
            yield
        finally:
            block_ended.set()
        running.result()
    cloudwatch.collect()


def _resource_ids(cloudformation: Any, stack_name: str) -> Mapping[str, list[str]]:
    """Return the ids of a stack's resources by type."""
    ids = defaultdict(list)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            ids[resource["ResourceType"]].append(resource["PhysicalResourceId"])
    return ids


def _replace_content(file: Path, text: str) -> None:
    """Replace a file's content; a reader sees either the old or the new content."""
    new_file = file.with_suffix(".new")
    new_file.write_text(text)
    new_file.replace(file)
