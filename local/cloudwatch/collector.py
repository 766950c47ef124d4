"""CloudWatch for the offline world: metrics and the state of alarms as AWS would have them.

MiniStack keeps metrics and alarms. But it makes no metrics of log lines, has none of what is in a
queue, and does not know when an alarm is on; all of this is done here, from outside. What it has
to count itself is in `server_metrics.py`.
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
"""Metric data a call of `PutMetricData`, of which AWS takes 1,000 if they are small."""


class CloudWatch:
    """The metrics and alarms of a deployed stack, brought up to date when asked to.

    Its time is that of this machine until it is put forward, or this machine's clock is set. Only
    CloudWatch's is put forward: what is delayed or invisible in a queue, and what a schedule
    starts, waits as long as ever.

    Parameters
    ----------
    aws
        The emulator that the stack is deployed to.
    deployment_outputs
        The stack's outputs; what the health alarm tells is told to `AlarmTopicArn`.
    stack_name
        The name of the stack. What it has now is watched: after a further deploy, make another.
    template
        The stack's template, whose metadata say what the health alarm is.
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
        """Return the time that it is for CloudWatch."""
        return datetime.fromtimestamp(time.time() + self._ahead(), UTC)

    def put_forward(self, seconds: float) -> None:
        """Let so much of CloudWatch's time pass at once, in which nothing but this happens.

        Everything is collected in each minute of it, as AWS does: a queue that was full at the
        beginning stays so, and its messages get older.
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
        """Take in all there is by now, then set the state of every alarm.

        Raises
        ------
        Dropped
            A function printed a line that CloudWatch would not take all metrics from.
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
        """Set the state of every alarm by the metrics that there are."""
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
        """Return the state of each alarm by its name, that of the health alarm included."""
        names = [*self._alarm_names, self._health()["AlarmName"]]
        found = self._metrics.describe_alarms(
            AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
        )
        return {
            alarm["AlarmName"]: alarm["StateValue"]
            for alarm in (*found["MetricAlarms"], *found["CompositeAlarms"])
        }

    def add_health_alarm(self) -> None:
        """Make the alarm that sums up the others, which the emulator takes in no template."""
        topic = [self._outputs["AlarmTopicArn"]]
        self._metrics.put_composite_alarm(**self._health(), AlarmActions=topic, OKActions=topic)

    def remove_health_alarm(self) -> None:
        """Remove it again: while it is there, the stack with the others cannot be destroyed."""
        self._metrics.delete_alarms(AlarmNames=[self._health()["AlarmName"]])

    def _health(self) -> dict[str, str]:
        metadata = json.loads(self._template.read_text())["Metadata"]
        health: dict[str, str] = metadata["QueueEnds"]["HealthAlarm"]
        return health

    def _ahead(self) -> float:
        """Return by how many seconds its clock is ahead of this machine's."""
        return float(self._clock_file.read_text()) + time.monotonic() - time.time()

    def _heartbeats(self, now: float) -> Iterator[Metric]:
        """Yield what an event source mapping that is enabled counts even when it finds nothing."""
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
        for namespace, of_one in data.items():
            for start in range(0, len(of_one), DATA_A_CALL):
                some = of_one[start : start + DATA_A_CALL]
                self._metrics.put_metric_data(Namespace=namespace, MetricData=some)

    def _minutes_of(self, alarms: list[Alarm], now: float) -> Iterator[dict[int, float]]:
        """Yield for each alarm the values of what it watches, by the minute."""
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
def collecting(cloudwatch: CloudWatch, every: float = 1.0) -> Iterator[None]:
    """Collect every so many seconds, and once more at the end.

    What goes wrong meanwhile is raised at the end.
    """
    over = threading.Event()

    def collect() -> None:
        while not over.wait(every):
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
    """Return the ids of what is in a stack, by its type."""
    ids = defaultdict(list)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            ids[resource["ResourceType"]].append(resource["PhysicalResourceId"])
    return ids


def _write_at_once(file: Path, text: str) -> None:
    """Write a file so that nobody ever reads a part of it."""
    whole = file.with_suffix(".new")
    whole.write_text(text)
    whole.replace(file)
