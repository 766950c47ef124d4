"""The alarms of a synthesised stack."""

from collections.abc import Mapping
from typing import Any

from resources.queue_data import MAX_LABEL_CHARACTERS
from tests.infra.stacks import Stack

_OPERATORS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}


def alarms_of(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the properties of the alarms, keyed by alarm id."""
    prefix = f"QueueEnds-{stack.settings.stage}-"
    alarms = [alarm["Properties"] for alarm in stack.of_type("AWS::CloudWatch::Alarm")]
    assert all(alarm["AlarmName"].startswith(prefix) for alarm in alarms)
    return {alarm["AlarmName"].removeprefix(prefix): alarm for alarm in alarms}


def condition_of(alarm: Mapping[str, Any]) -> tuple[str, float, int, int, int, str]:
    """Return an alarm's comparison, threshold, M, N, period and treatment of missing data."""
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return (
        f"{statistic} {_OPERATORS[alarm['ComparisonOperator']]}",
        alarm["Threshold"],
        alarm["DatapointsToAlarm"],
        alarm["EvaluationPeriods"],
        alarm["Period"],
        alarm["TreatMissingData"],
    )


def description_of(alarm: Mapping[str, Any]) -> str:
    """Return an alarm's text with the longest label for each queue."""
    match alarm["AlarmDescription"]:
        case {"Fn::Join": ["", parts]}:
            longest = "x" * MAX_LABEL_CHARACTERS
            return "".join(part if isinstance(part, str) else longest for part in parts)
    return str(alarm["AlarmDescription"])


def dimensions_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
