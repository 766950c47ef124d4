"""Compares Genesys Cloud with the deployed stack, heals it, and emits metrics."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

import metrics
from deadline import Deadline, InvocationContext, time_limit
from genesys.errors import GenesysError, UserFacingError
from resources.resource import Comparison
from watchdog.clients import Clients
from watchdog.comparison import compare
from watchdog.deployment import Deployment
from watchdog.healing import Healer, Healing
from watchdog.queue_check import report_unknown_queues
from watchdog.queue_metrics import keep_metrics_awake

# The longest time for keeping the queues' metrics awake.
MAX_AWAKENING_SECONDS = 10.0
# The pause before the second comparison. Meanwhile a deploy may finish, and a new resource may
# appear in Genesys Cloud's lists.
COMPARISON_PAUSE_SECONDS = 30.0
# The longest time for both comparisons and the pause. The rest of the function's timeout, more than
# half of it, is for what follows.
MAX_COMPARISON_SECONDS = 100.0
# Comparisons that overrun their deadline are interrupted this many seconds later.
COMPARISON_OVERRUN_SECONDS = 5.0
# Everything should end at a deadline that is this many seconds before the function's timeout.
DEADLINE_SECONDS_BEFORE_TIMEOUT = 10.0
# The longest time for looking up the queues.
MAX_LOOKUP_SECONDS = 20.0


Backfills = Callable[[InvocationContext], None]
"""Looks for missing ends until shortly before the invocation's timeout; never raises an error."""


class ComparisonFailed(UserFacingError):
    """A comparison had no result; the failure may be transient."""


def watch(
    deployment: Deployment,
    context: InvocationContext,
    clients: Clients,
    logger: Logger,
    *,
    backfill: Backfills | None = None,
) -> dict[str, Any]:
    """Compare Genesys Cloud with the deployment; log the differences and emit a metric.

    The metric `SubscriptionHealthy` is 1 if there is no difference, else 0. In spite of its name,
    it covers integrations, too. If the first comparison finds a difference, a second comparison
    decides, half a minute later. If the deployment heals, the differences are then removed. A 1
    follows the 0 if none remains, so that the alarm turns on, and off again.

    The queues' metrics are kept awake before all this. After it, `report_unknown_queues` checks the
    queues, and `backfill` looks for missing ends with the time that is left. None of them changes
    the result.

    Returns
    -------
    dict[str, Any]
        `healthy`, a bool; `differences`, a list of sentences, which omits the differences that were
        removed; and `healed`, a list of the requests that changed Genesys Cloud.

    Raises
    ------
    ComparisonFailed
        There is no result and no metric; the failure may be transient.
    """
    deadline = Deadline.before_timeout(context, DEADLINE_SECONDS_BEFORE_TIMEOUT)
    keep_metrics_awake(
        deployment.queue_urls, clients.sqs, deadline.within(MAX_AWAKENING_SECONDS), logger
    )
    comparison = _compare_twice(deployment, deadline, clients, logger)
    _report(deployment, comparison, logger)
    healing = Healing(comparison)
    if comparison.differences and deployment.heals and not comparison.has_lasting_error:
        healing = Healer(deployment, context, clients, logger).heal(comparison)
        if not healing.comparison.differences:
            _emit_health(deployment, 1)
    if deployment.queue_ids:
        report_unknown_queues(
            deployment, deadline.within(MAX_LOOKUP_SECONDS), clients.secrets, logger
        )
    if backfill:
        backfill(context)
    differences = list(healing.comparison.differences)
    return {
        "healthy": not differences,
        "differences": differences,
        "healed": list(healing.changes),
    }


def _compare_twice(
    deployment: Deployment, deadline: Deadline, clients: Clients, logger: Logger
) -> Comparison:
    """Return the first comparison if it finds no difference; else the second one.

    Raises
    ------
    ComparisonFailed
        A comparison had no result, or there was no time for the second one.
    """
    deadline = deadline.within(MAX_COMPARISON_SECONDS)
    try:
        with time_limit(deadline.left() + COMPARISON_OVERRUN_SECONDS):
            comparison = compare(deployment.resource, deadline, clients)
            if comparison.differences:
                if not deadline.sleep(COMPARISON_PAUSE_SECONDS):
                    raise ComparisonFailed("No time was left for the second comparison.")
                comparison = compare(deployment.resource, deadline, clients)
    except Exception as error:  # noqa: BLE001 - raised again with a safe message
        detail = str(error) if isinstance(error, GenesysError | UserFacingError) else ""
        logger.warning("Could not compare", error=type(error).__name__, detail=detail)
        # Lambda logs the `ComparisonFailed`, so it must not hold an unforeseen error's message.
        raise ComparisonFailed(detail or type(error).__name__) from None
    return comparison


def _report(deployment: Deployment, comparison: Comparison, logger: Logger) -> None:
    """Log a comparison, and emit its metric."""
    differences = list(comparison.differences)
    if differences:
        logger.warning("Unhealthy", differences=differences)
    else:
        logger.info("Healthy", watched=deployment.resource.name, ids=list(comparison.ids))
    _emit_health(deployment, int(not differences))


def _emit_health(deployment: Deployment, value: int) -> None:
    metrics.emit({"Stage": deployment.stage}, {"SubscriptionHealthy": value})
