"""The shape of an alarm: its metric, its threshold and its text."""

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """An alarm: the metric that it is on, and the text that it sends.

    Attributes
    ----------
    id
        The end of the alarm's name.
    metric
        The alarm looks at its statistic over its period.
    meaning, first
        Its meaning and the first step, in words for somebody who was asleep a minute ago.
    threshold
        The alarm goes on when the metric is above it; or below, with `below`.
    times, periods
        In how many of how many periods the metric must be there.
    missing
        How a period without a value counts.
    unknown_is_told
        Whether the alarm also reports that there are no values.
    section
        The runbook's section on it, where that is not the id.
    """

    id: str
    metric: cloudwatch.Metric
    meaning: str
    first: str
    threshold: float = 0
    below: bool = False
    times: int = 1
    periods: int = 1
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING
    unknown_is_told: bool = False
    section: str | None = None

    @property
    def anchor(self) -> str:
        """The anchor of the runbook's section on it."""
        return self.section or self.id
