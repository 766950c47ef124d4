"""Computes the state of an alarm on one metric, by the rules of the CloudWatch User Guide.

Source: Amazon CloudWatch User Guide, "Alarm evaluation", "Alarm evaluation window" and "Configuring
how CloudWatch alarms treat missing data". Two points go beyond the guide:

- An evaluation looks at more periods than the alarm's `EvaluationPeriods`. The guide gives a number
  only for alarms with three periods: two more. This module looks at two more for every alarm.
- CloudWatch's window ends at the present second. Here, it ends at the end of the present minute,
  because the values are kept by minute.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MINUTE = 60
EXTRA_PERIODS = 2
Alarm = Mapping[str, Any]
"""An alarm in the form of `DescribeAlarms`."""
_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# For each statistic, the function that computes a period's value from its minutes' values.
_AGGREGATES: dict[str, Callable[[Iterable[float]], float]] = {
    "Sum": math.fsum,
    "SampleCount": math.fsum,
    "Minimum": min,
    "Maximum": max,
}


@dataclass(frozen=True, slots=True)
class State:
    """A state (`OK`, `ALARM` or `INSUFFICIENT_DATA`) and the reason for it."""

    value: str
    reason: str


def statistic_of(alarm: Alarm) -> str:
    """Return the statistic or percentile that an alarm watches."""
    return str(alarm.get("ExtendedStatistic") or alarm["Statistic"])


def evaluation_window(alarm: Alarm, now: float) -> tuple[int, int]:
    """Return an evaluation window's start and its exclusive end, in epoch seconds."""
    until = (int(now) // MINUTE + 1) * MINUTE
    return until - alarm["Period"] * (alarm["EvaluationPeriods"] + EXTRA_PERIODS), until


def evaluate(alarm: Alarm, minutes: Mapping[int, float], now: float) -> State:
    """Return the state of an alarm.

    Parameters
    ----------
    alarm
        The alarm with its present state.
    minutes
        The value of the alarm's statistic for each minute, keyed by the minute's first second.
    now
        CloudWatch's time, in seconds of the epoch.

    Raises
    ------
    ValueError
        The alarm compares with a band, or has a period of several minutes and a statistic that
        cannot be computed from the minutes' values.
    """
    return state_of(alarm, datapoints_of(alarm, minutes, now))


def datapoints_of(alarm: Alarm, minutes: Mapping[int, float], now: float) -> list[float | None]:
    """Return the value of each period in the window, the oldest first; None if it is missing.

    See `evaluate` for the parameters.
    """
    begins, ends = evaluation_window(alarm, now)
    period, statistic = alarm["Period"], statistic_of(alarm)
    by_period: defaultdict[int, list[float]] = defaultdict(list)
    for minute, value in minutes.items():
        if begins <= minute < ends:
            by_period[(minute - begins) // period].append(value)
    if period == MINUTE:
        aggregate: Callable[[Iterable[float]], float] = max
    elif statistic in _AGGREGATES:
        aggregate = _AGGREGATES[statistic]
    else:
        raise ValueError(
            f"{alarm['AlarmName']} watches {statistic} over {period} s. Over more than a minute"
            f" only these can be evaluated here: {', '.join(_AGGREGATES)}."
        )
    return [
        aggregate(by_period[number]) if number in by_period else None
        for number in range((ends - begins) // period)
    ]


def state_of(alarm: Alarm, datapoints: Sequence[float | None]) -> State:
    """Return an alarm's state for `datapoints`, the oldest first.

    See `evaluate` for the exceptions.
    """
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or periods
    present = [value for value in datapoints if value is not None][-periods:]
    missing = periods - len(present)
    treatment = _treatment_of_missing(alarm)

    breaching = [value for value in present if _breaches(alarm, value)]
    counted = len(breaching) + (missing if treatment == "breaching" else 0)
    reason = _reason(alarm, present, counted, missing and treatment == "breaching")
    if counted >= needed:
        return State("ALARM", reason)
    if treatment in ("breaching", "notBreaching") or not missing or len(breaching) < len(present):
        return State("OK", reason)
    if treatment == "ignore":
        return State(alarm["StateValue"], f"Unchanged, as missing data are ignored. {reason}")
    # Some data points are missing, and all others breach. Since data can come late, the alarm fires
    # only when the oldest data point is at least `needed` periods old.
    if breaching and _age_of_oldest(datapoints) >= needed:
        return State("ALARM", f"Nothing since then is within the threshold. {reason}")
    return State("INSUFFICIENT_DATA", f"Insufficient Data: {missing} of {periods} are missing.")


def _breaches(alarm: Alarm, value: float) -> bool:
    comparison = alarm["ComparisonOperator"]
    if comparison not in _BREACHES:
        raise ValueError(
            f"{alarm['AlarmName']} compares by {comparison}. Only these can be evaluated here:"
            f" {', '.join(_BREACHES)}."
        )
    return _BREACHES[comparison](value, alarm["Threshold"])


def _treatment_of_missing(alarm: Alarm) -> str:
    treatment = str(alarm.get("TreatMissingData") or "missing")
    # "Alarms that evaluate metrics in the AWS/DynamoDB namespace ignore missing data by default."
    if treatment == "missing" and alarm["Namespace"] == "AWS/DynamoDB":
        return "ignore"
    return treatment


def _age_of_oldest(datapoints: Sequence[float | None]) -> int:
    """Return the age of the oldest data point in periods; the latest period has the age 1."""
    return max(
        len(datapoints) - index for index, value in enumerate(datapoints) if value is not None
    )


def _reason(alarm: Alarm, present: Sequence[float], counted: int, counts_missing: object) -> str:
    values = ", ".join(f"{value:g}" for value in present) or "no data"
    return (
        f"Threshold Crossed: {counted} of {alarm['EvaluationPeriods']} periods"
        f"{' (those without data included)' if counts_missing else ''}: {statistic_of(alarm)} of"
        f" {alarm['MetricName']} {alarm['ComparisonOperator']} {alarm['Threshold']:g} [{values}]."
    )
