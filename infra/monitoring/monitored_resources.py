"""The parts of a stack that alarms and the dashboard watch."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from infra.intake_queues import IntakeQueues
from infra.ledger import Ledger
from infra.monitoring.alarm_spec import AlarmSpec
from infra.monitoring.widgets import Row
from infra.watchdog import Watchdog
from infra.worker import Worker


@dataclass(frozen=True, slots=True)
class MonitoredSource:
    """The source of events, as alarms and the dashboard see it; each delivery fills it in.

    Attributes
    ----------
    function
        The function that answers for the custom resource.
    held_back_seconds
        How long a message may be held back in the intake queue on purpose.
    alarms
        The alarms on parts that only this delivery has.
    dead_letter_lines
        The lines of its own dead-letter queues, in the graph of all of them.
    rows
        The rows of graphs on parts that only this delivery has.
    """

    function: lambda_.IFunction
    held_back_seconds: int = 0
    alarms: Sequence[AlarmSpec] = ()
    dead_letter_lines: Sequence[cloudwatch.Metric] = ()
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class MonitoredResources:
    """All that there is to watch; `watchdog` is None where it is off."""

    intake: IntakeQueues
    ledger: Ledger
    worker: Worker
    source: MonitoredSource
    watchdog: Watchdog | None
