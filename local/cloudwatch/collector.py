"""CloudWatch for the offline world: the metrics and alarm states that MiniStack lacks.

MiniStack stores metrics and alarms. It makes no metrics from log lines, has no metrics of queue
depths and evaluates no alarms. This module does that from outside; `server_metrics.py` has the
metrics that MiniStack must count itself.
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
from local.cloudwatch.alarm_states import MINUTE, Alarm, evaluate, span_of, statistic_of
from local.cloudwatch.embedded_metrics import Metric, metrics_of
from local.cloudwatch.metric_lines import MetricLines
from local.cloudwatch.queue_gauges import QueueGauges

DATA_A_CALL = 500
"""Metric data in a call of `PutMetricData`; AWS takes 1,000 if they are small."""


class CloudWatch:
    """The metrics and alarms of a deployed stack, which `collect` updates.

    CloudWatch's time is this machine's until a test puts it forward or sets this machine's clock.
    `put_forward` moves CloudWatch alone: queues and schedules keep their time.

    Parameters
    ----------
    aws
        The emulator that has the stack.
    deployment_outputs
        The stack's outputs; the health alarm notifies `AlarmTopicArn`.
    stack_name
        The name of the stack. A later deploy needs another `CloudWatch`.
    template
        The stack's template, whose metadata define the health alarm.
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
        ids = _ids_of(aws.client("cloudformation"), stack_name)
        self._alarm_names = ids["AWS::CloudWatch::Alarm"]
        self._mapping_ids = ids["AWS::Lambda::EventSourceMapping"]
        logs = aws.client("logs")
        self._logs = [MetricLines(logs, group) for group in ids["AWS::Logs::LogGroup"]]
        self._queues = [QueueGauges(aws, url) for url in ids["AWS::SQS::Queue"]]
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """Return CloudWatch's present time."""
        return datetime.fromtimestamp(time.time() + self._ahead(), UTC)

    def put_forward(self, seconds: float) -> None:
        """Put CloudWatch's time forward and collect once for each minute of it.

        Nothing else happens in that time: a full queue stays full, and its messages get older.
        """
        with self._lock:
            self.collect()
            begins = float(self._clock_file.read_text())
            until = begins + seconds
            while begins < until:
                begins = min(begins + MINUTE, until)
                _write_at_once(self._clock_file, str(begins))
                self.collect()

    def collect(self) -> None:
        """Collect all new metrics, then set the state of every alarm.

        Raises
        ------
        Dropped
            CloudWatch would drop some metrics of a log line.
        """
        with self._lock:
            ahead = self._ahead()
            now = time.time() + ahead
            found = [
                replace(metric, at=metric.at + ahead)
                for lines in self._logs
                for line, ingested in lines.new()
                for metric in metrics_of(line, ingested, self._units)
            ]
            for queue in self._queues:
                found += queue.at(now, ahead)
            found += self._heartbeats(now)
            self._put(found)
            self.evaluate()

    def evaluate(self) -> None:
        """Set the state of every alarm from its metric."""
        with self._lock:
            if not self._alarm_names:
                return
            now = time.time() + self._ahead()
            found = self._metrics.describe_alarms(AlarmNames=self._alarm_names, MaxRecords=100)
            alarms: list[Alarm] = found["MetricAlarms"]
            for alarm, minutes in zip(alarms, self._minutes_of(alarms, now), strict=True):
                state = evaluate(alarm, minutes, now)
                if state.value != alarm["StateValue"]:
                    self._metrics.set_alarm_state(
                        AlarmName=alarm["AlarmName"],
                        StateValue=state.value,
                        StateReason=state.reason,
                    )

    def states(self) -> dict[str, str]:
        """Return the state of each alarm by name, including the health alarm."""
        names = [*self._alarm_names, self._health()["AlarmName"]]
        found = self._metrics.describe_alarms(
            AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
        )
        return {
            alarm["AlarmName"]: alarm["StateValue"]
            for alarm in (*found["MetricAlarms"], *found["CompositeAlarms"])
        }

    def add_health_alarm(self) -> None:
        """Make the health alarm, a composite alarm that the emulator takes in no template."""
        topic = [self._outputs["AlarmTopicArn"]]
        self._metrics.put_composite_alarm(**self._health(), AlarmActions=topic, OKActions=topic)

    def remove_health_alarm(self) -> None:
        """Remove the health alarm: CloudFormation cannot delete the alarms that it names."""
        self._metrics.delete_alarms(AlarmNames=[self._health()["AlarmName"]])

    def _health(self) -> dict[str, str]:
        metadata = json.loads(self._template.read_text())["Metadata"]
        health: dict[str, str] = metadata["QueueEnds"]["HealthAlarm"]
        return health

    def _ahead(self) -> float:
        """Return the seconds by which CloudWatch's clock is ahead of this machine's."""
        return float(self._clock_file.read_text()) + time.monotonic() - time.time()

    def _heartbeats(self, now: float) -> Iterator[Metric]:
        """Yield the zero that each enabled event source mapping counts without messages."""
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
            for start in range(0, len(metric_data), DATA_A_CALL):
                part = metric_data[start : start + DATA_A_CALL]
                self._metrics.put_metric_data(Namespace=namespace, MetricData=part)

    def _minutes_of(self, alarms: list[Alarm], now: float) -> Iterator[dict[int, float]]:
        """Yield the values of each alarm's metric, by minute."""
        queries = []
        for number, alarm in enumerate(alarms):
            metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
            stat = {"Metric": metric, "Period": MINUTE, "Stat": statistic_of(alarm)}
            queries.append({"Id": f"alarm{number}", "MetricStat": stat})
        spans = [span_of(alarm, now) for alarm in alarms]
        answer = self._metrics.get_metric_data(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(min(begins for begins, _ in spans), UTC),
            EndTime=datetime.fromtimestamp(max(ends for _, ends in spans), UTC),
        )
        for result in answer["MetricDataResults"]:
            minutes = [int(at.timestamp()) for at in result["Timestamps"]]
            yield dict(zip(minutes, result["Values"], strict=True))


@contextmanager
def collecting(cloudwatch: CloudWatch, interval: float = 1.0) -> Iterator[None]:
    """Collect at an interval of seconds during the block, and once more at its end.

    An error during the block is raised at its end.
    """
    over = threading.Event()

    def collect() -> None:
        while not over.wait(interval):
            cloudwatch.collect()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(collect)
        try:
            yield
        finally:
            over.set()
        running.result()
    cloudwatch.collect()


def _ids_of(cloudformation: Any, stack_name: str) -> Mapping[str, list[str]]:
    """Return the ids of a stack's resources by type."""
    ids = defaultdict(list)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            ids[resource["ResourceType"]].append(resource["PhysicalResourceId"])
    return ids


def _write_at_once(file: Path, text: str) -> None:
    """Write a file so that no reader sees a part of it."""
    whole = file.with_suffix(".new")
    whole.write_text(text)
    whole.replace(file)
