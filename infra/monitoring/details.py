"""The alarm and the graph that only stacks with details have."""

from ..settings.retries import duration_in_words
from ..settings.settings import Settings
from .alarm_spec import AlarmSpec
from .cloudwatch_metrics import own_metric
from .widgets import COLUMNS, REJECTED, Row, graph, label_metric


def details_alarm_specs(settings: Settings) -> list[AlarmSpec]:
    """Return the alarm about ends without details; an empty list if ends get no details."""
    if settings.details == "none":
        return []
    last_attempt_seconds = (settings.details_attempts - 1) * settings.details_wait_seconds
    return [
        AlarmSpec(
            id="details-missing",
            metric=own_metric(settings, "DetailsMissing"),
            meaning=(
                "Ends were delivered without details, because Genesys Cloud's analytics did not "
                f"have them after {duration_in_words(last_attempt_seconds)}, or did not answer. "
                "The ends themselves are complete in all other fields, and nothing retries them."
            ),
            first_step=(
                "look for the line 'Details not requested' in the worker's log. It says why "
                "analytics could not be asked. Without this line, analytics are late."
            ),
        )
    ]


def rows_about_details(settings: Settings) -> list[Row]:
    """Return a row about ends without details; an empty list if ends get no details."""
    if settings.details == "none":
        return []
    missing = label_metric(own_metric(settings, "DetailsMissing"), "without details", REJECTED)
    return [[graph("Ends delivered without details", missing, unit="ends", width=COLUMNS)]]
