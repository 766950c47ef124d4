"""The parts of the stack that the alarms and the dashboard monitor."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from ..intake_queues import IntakeQueues
from ..ledger import Ledger
from ..watchdog import Watchdog
from ..worker import Worker
from .alarm_spec import AlarmSpec
from .widgets import Row


@dataclass(frozen=True, slots=True)
class MonitoredSource:
    """A delivery's contribution to the alarms and the dashboard.

    Attributes
    ----------
    provisioner
        The provisioner's function.
    queue_labels
        A label for each of the setting `queue_ids`, such as `Support (a1b2…)`.
    max_delay_seconds
        The longest delay of the messages that the worker sends to itself because of this delivery;
        0 if it sends none. The intake queue holds the delayed messages, so the alarm `backlog`
        allows for this delay.
    alarm_specs
        The alarms that only this delivery has.
    undelivered_metrics
        The undelivered queue's metrics; empty if the delivery has no undelivered queue.
    dashboard_rows
        The dashboard rows that only this delivery has.
    """

    provisioner: lambda_.IFunction
    queue_labels: Sequence[str]
    max_delay_seconds: int = 0
    alarm_specs: Sequence[AlarmSpec] = ()
    undelivered_metrics: Sequence[cloudwatch.Metric] = ()
    dashboard_rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class MonitoredResources:
    """All monitored parts of the stack; `watchdog` is None if the watchdog is off."""

    intake: IntakeQueues
    ledger: Ledger
    worker: Worker
    source: MonitoredSource
    watchdog: Watchdog | None
