"""The states of alarms follow the CloudWatch User Guide's tables and its text."""

from typing import Any

import pytest

from local.cloudwatch.alarm_states import datapoints_of, evaluate, evaluation_window, state_of

NOON = 1_764_072_000
"""A full hour, in seconds of the epoch."""
STATES = {"O": "OK", "A": "ALARM", "I": "INSUFFICIENT_DATA", "=": "retained"}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def alarm(needed: int = 1, periods: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "AlarmName": "an-alarm",
        "Namespace": "QueueEnds",
        "MetricName": "Failed",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": needed,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "StateValue": "retained",
        **changes,
    }


def points(drawn: str) -> list[float | None]:
    """Return data points from the guide's notation: 0 is fine, X breaches, - is missing."""
    return [{"0": 0.0, "X": 1.0, "-": None}[one] for one in drawn.split()]


# "Configuring how CloudWatch alarms treat missing data": data points, then the state with missing
# data as MISSING, IGNORE, BREACHING and NOT BREACHING.
THREE_OF_THREE = """
0 - X - X   OOOO
- - - - 0   OOOO
- - - - -   I=AO
0 X X - X   AAAA
- - X - -   A=AO
0 - - - -   OOOO
- - - - X   I=AO
X - - - -   A=AO
"""
TWO_OF_THREE = """
0 - X - X   AAAA
0 0 X 0 X   AAAA
0 - X - -   OOAO
- - - - 0   OOAO
- - - X -   A=AO
- - - - X   I=AO
"""
DOCUMENTED = [
    pytest.param(needed, drawn.strip(), treatment, STATES[state], id=f"{needed} of 3: {row}")
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for row in table.strip().splitlines()
    for drawn, states in [row.rsplit(maxsplit=1)]
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


@pytest.mark.parametrize(("needed", "drawn", "treatment", "state"), DOCUMENTED)
def test_missing_data_have_the_states_of_the_user_guides_tables(
    needed: int, drawn: str, treatment: str, state: str
) -> None:
    watched = alarm(needed, 3, TreatMissingData=treatment)

    assert state_of(watched, points(drawn)).value == state


@pytest.mark.parametrize(
    ("drawn", "state"),
    [("X X 0 - 0", "OK"), ("X X 0 X X", "ALARM"), ("0 X 0 0 0", "OK"), ("X - X - 0", "ALARM")],
)
def test_breaching_periods_need_not_be_in_a_row_but_among_the_latest(
    drawn: str, state: str
) -> None:
    assert state_of(alarm(2, 3), points(drawn)).value == state


def test_an_alarm_without_datapoints_to_alarm_needs_all_periods() -> None:
    watched = alarm(periods=2)
    del watched["DatapointsToAlarm"]

    assert state_of(watched, points("0 0 0 X")).value == "OK"
    assert state_of(watched, points("0 0 X X")).value == "ALARM"


def test_missing_data_that_breach_raise_an_alarm_only_when_no_data_are_in_range() -> None:
    mapping = alarm(2, 2, ComparisonOperator="LessThanThreshold", TreatMissingData="breaching")

    states = [state_of(mapping, points(drawn)).value for drawn in ("0 0 - -", "0 - - -", "- - - -")]

    assert states == ["OK", "OK", "ALARM"]


@pytest.mark.parametrize(("treatment", "state"), [("missing", "ALARM"), ("notBreaching", "OK")])
def test_alarms_of_dynamodb_ignore_missing_data_by_default(treatment: str, state: str) -> None:
    throttled = alarm(
        2, 5, Namespace="AWS/DynamoDB", TreatMissingData=treatment, StateValue="ALARM"
    )

    assert state_of(throttled, points("- - - - - - -")).value == state


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [False, False, True]),
        ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]),
        ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)
def test_values_are_compared_with_the_threshold(comparison: str, breaching: list[bool]) -> None:
    watched = alarm(Threshold=5.0, ComparisonOperator=comparison)

    states = [state_of(watched, [None, None, value]).value for value in (4.0, 5.0, 6.0)]

    assert states == ["ALARM" if breaches else "OK" for breaches in breaching]


def test_an_alarm_on_a_band_is_refused() -> None:
    watched = alarm(ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold")

    with pytest.raises(ValueError, match="an-alarm compares by LessThanLower"):
        state_of(watched, [1.0])


def test_the_reason_of_a_state_names_the_values_and_the_threshold() -> None:
    state = state_of(alarm(2, 3, TreatMissingData="breaching"), points("0 - X - -"))

    assert state.value == "ALARM"
    assert "2 of 3 periods (those without data included)" in state.reason
    assert "Sum of Failed GreaterThanThreshold 0 [0, 1]" in state.reason


def test_a_period_of_a_minute_counts_before_it_is_over() -> None:
    minutes = {NOON - 180: 1.0, NOON - 120: 2.0, NOON: 4.0, NOON + 60: 8.0}

    assert datapoints_of(alarm(), minutes, NOON + 30) == [2.0, None, 4.0]
    assert datapoints_of(alarm(), minutes, NOON + 59.9) == [2.0, None, 4.0]
    assert datapoints_of(alarm(), minutes, NOON + 60) == [None, 4.0, 8.0]


@pytest.mark.parametrize(
    ("statistic", "values"),
    [("Sum", [3.0, 12.0]), ("Minimum", [1.0, 4.0]), ("Maximum", [2.0, 8.0])],
)
def test_a_longer_period_ends_now_and_aggregates_its_minutes(
    statistic: str, values: list[float]
) -> None:
    watched = alarm(Period=300, Statistic=statistic)
    minutes = {NOON - 360: 1.0, NOON - 300: 2.0, NOON - 240: 4.0, NOON: 8.0}

    assert datapoints_of(watched, minutes, NOON + 1) == [None, *values]


def test_a_percentile_needs_a_period_of_a_minute() -> None:
    slow = alarm(ExtendedStatistic="p99", Threshold=100.0)

    assert evaluate(slow, {NOON: 101.0}, NOON + 1).value == "ALARM"
    with pytest.raises(ValueError, match="an-alarm watches p99 over 300 s"):
        evaluate({**slow, "Period": 300}, {NOON: 101.0}, NOON + 1)


def test_an_evaluation_looks_at_two_more_periods_than_the_alarm_asks_for() -> None:
    assert evaluation_window(alarm(1, 1), NOON + 1) == (NOON - 120, NOON + 60)
    assert evaluation_window(alarm(24, 24, Period=3600), NOON) == (NOON + 60 - 26 * 3600, NOON + 60)
