"""The specification of an alarm: its metric, its threshold and its text."""

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """The specification of one alarm on one metric.

    Attributes
    ----------
    id
        The suffix of the alarm's name.
    metric
        The metric, with its statistic and period.
    meaning, first_step
        The alarm text: the meaning and the first step, written for somebody who has just woken up.
    threshold, below
        The alarm fires when the metric is above the threshold, or with `below`, below the
        threshold.
    datapoints_to_alarm, evaluation_periods
        M and N: the metric must cross the threshold in M of the last N periods.
    missing
        How a period without a value counts.
    notify_on_missing_data
        Whether the alarm also notifies when its state becomes INSUFFICIENT_DATA.
    section
        The runbook section on the alarm; if None, the section is named like the id.
    """

    id: str
    metric: cloudwatch.Metric
    meaning: str
    first_step: str
    threshold: float = 0
    below: bool = False
    datapoints_to_alarm: int = 1
    evaluation_periods: int = 1
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING
    notify_on_missing_data: bool = False
    section: str | None = None

    @property
    def anchor(self) -> str:
        """The anchor of the alarm's section in the runbook."""
        return self.section or self.id
