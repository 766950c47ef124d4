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
        Two parts of the alarm text: what the alarm means, and what to do first.
    threshold, below
        Values above the threshold are bad. If `below` is true, values below the threshold are bad
        instead.
    datapoints_to_alarm, evaluation_periods
        The alarm fires when at least `datapoints_to_alarm` of the last `evaluation_periods` periods
        have a bad value.
    missing
        How a period without a value counts.
    notify_on_missing_data
        Whether the alarm also sends a notification when its state becomes INSUFFICIENT_DATA.
    shared_anchor
        The anchor of a runbook section that several alarms share; None if the alarm has its own
        section, whose anchor is the alarm's id.
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
    shared_anchor: str | None = None

    @property
    def anchor(self) -> str:
        """The anchor of the alarm's section in the runbook."""
        return self.shared_anchor or self.id
