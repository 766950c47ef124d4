"""Which state CloudWatch gives an alarm on one metric, by the rules of its user guide.

Source: Amazon CloudWatch User Guide, "Alarm evaluation", "Alarm evaluation window" and "Configuring
how CloudWatch alarms treat missing data". Where the guide says nothing:

- It takes some more data points than an alarm asks for, and says of none but three how many: two
  more. They are two more here for every alarm.
- Its window slides, so that the minute that is under way counts with what it has so far; and it
  keeps values by the minute, so that here a window begins and ends with one.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MINUTE = 60
MORE_PERIODS = 2
Alarm = Mapping[str, Any]
"""An alarm as `DescribeAlarms` gives it."""

_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# What makes the value of a longer period out of those of its minutes.
_JOINS: dict[str, Callable[[Iterable[float]], float]] = {
    "Sum": math.fsum,
    "SampleCount": math.fsum,
    "Minimum": min,
    "Maximum": max,
}


@dataclass(frozen=True, slots=True)
class State:
    """A state (`OK`, `ALARM` or `INSUFFICIENT_DATA`) and why an alarm is in it."""

    value: str
    reason: str


def statistic_of(alarm: Alarm) -> str:
    """Return the statistic that an alarm watches, a percentile or another."""
    return str(alarm.get("ExtendedStatistic") or alarm["Statistic"])


def span_of(alarm: Alarm, now: float) -> tuple[int, int]:
    """Return from and until when an evaluation takes data, in seconds of the epoch."""
    until = (int(now) // MINUTE + 1) * MINUTE
    return until - alarm["Period"] * (alarm["EvaluationPeriods"] + MORE_PERIODS), until


def evaluate(alarm: Alarm, minutes: Mapping[int, float], now: float) -> State:
    """Return the state of an alarm.

    Parameters
    ----------
    alarm
        The alarm, with the state that it is in now.
    minutes
        The values of the alarm's statistic, by the second with which their minute begins.
    now
        CloudWatch's time, in seconds of the epoch.

    Raises
    ------
    ValueError
        The alarm is one that these rules do not do: it compares with a band, or its period is
        longer than a minute and its statistic not to be had from those of minutes.
    """
    return state_of(alarm, datapoints_of(alarm, minutes, now))


def datapoints_of(alarm: Alarm, minutes: Mapping[int, float], now: float) -> list[float | None]:
    """Return the value of each period that is looked at, the latest last; None where it has none.

    For the parameters see `evaluate`.
    """
    begins, ends = span_of(alarm, now)
    period, statistic = alarm["Period"], statistic_of(alarm)
    of_periods: defaultdict[int, list[float]] = defaultdict(list)
    for minute, value in minutes.items():
        if begins <= minute < ends:
            of_periods[(minute - begins) // period].append(value)
    if period == MINUTE:
        join: Callable[[Iterable[float]], float] = max
    elif statistic in _JOINS:
        join = _JOINS[statistic]
    else:
        raise ValueError(
            f"{alarm['AlarmName']} watches {statistic} over {period} s. Over more than a minute"
            f" only these can be evaluated here: {', '.join(_JOINS)}."
        )
    return [
        join(of_periods[number]) if number in of_periods else None
        for number in range((ends - begins) // period)
    ]


def state_of(alarm: Alarm, datapoints: Sequence[float | None]) -> State:
    """Return the state that an alarm has with such data points, the latest last.

    For exceptions see `evaluate`.
    """
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or periods
    there = [value for value in datapoints if value is not None][-periods:]
    missing = periods - len(there)
    treatment = _treatment_of_missing(alarm)

    breaching = [value for value in there if _breaches(alarm, value)]
    counted = len(breaching) + (missing if treatment == "breaching" else 0)
    said = _said(alarm, there, counted, missing and treatment == "breaching")
    if counted >= needed:
        return State("ALARM", said)
    if treatment in ("breaching", "notBreaching") or not missing or len(breaching) < len(there):
        return State("OK", said)
    if treatment == "ignore":
        return State(alarm["StateValue"], f"Unchanged, as missing data are ignored. {said}")
    # One that breached is not to be the end of it when data come late. But it is old enough to
    # count when as many periods as are needed have passed, with nothing since that does not.
    if breaching and _age_of_oldest(datapoints) >= needed:
        return State("ALARM", f"Nothing since then is within the threshold. {said}")
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
    """Return in which period, counted from the latest, the oldest data point is."""
    return max(
        len(datapoints) - place for place, value in enumerate(datapoints) if value is not None
    )


def _said(alarm: Alarm, there: Sequence[float], counted: int, filled: object) -> str:
    values = ", ".join(f"{value:g}" for value in there) or "no data"
    return (
        f"Threshold Crossed: {counted} of {alarm['EvaluationPeriods']} periods"
        f"{' (those without data included)' if filled else ''}: {statistic_of(alarm)} of"
        f" {alarm['MetricName']} {alarm['ComparisonOperator']} {alarm['Threshold']:g} [{values}]."
    )
