"""The alarm and the graph that only stacks with a backfill have."""

from ..settings.settings import Settings
from .alarm_spec import AlarmSpec
from .cloudwatch_metrics import own_metric
from .widgets import COLUMNS, PROCESSED, REJECTED, Row, graph, label_metric


def backfill_alarm_specs(settings: Settings) -> list[AlarmSpec]:
    """Return the alarm about missed ends; an empty list if the backfill is off."""
    if settings.backfill == "off":
        return []
    fate = (
        "The backfill has put them on the intake queue, so they are late, and not lost."
        if settings.backfill == "repair"
        else "The backfill only reports them: they are lost unless somebody sends them."
    )
    return [
        AlarmSpec(
            id="missed-ends",
            metric=own_metric(settings, "MissedEnds"),
            meaning=(
                "Genesys Cloud's analytics have ends in your queues that never arrived here. "
                f"{fate}"
            ),
            first_step=(
                "look for the line 'Missed ends' in the watchdog's log, which names some of them, "
                "and find out what happened at their time."
            ),
        )
    ]


def rows_about_backfill(settings: Settings) -> list[Row]:
    """Return a row about missed ends; an empty list if the backfill is off."""
    if settings.backfill == "off":
        return []
    missed = label_metric(own_metric(settings, "MissedEnds"), "missed", REJECTED)
    recovered = label_metric(own_metric(settings, "RecoveredEnds"), "sent", PROCESSED)
    title = "Ends that never arrived, and those that the backfill has sent"
    return [[graph(title, missed, recovered, unit="ends", width=COLUMNS)]]
