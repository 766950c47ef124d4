"""Compares Genesys Cloud with the deployed stack, heals it, and emits metrics."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

import metrics
from aws_calls import CALL_ERRORS, describe
from deadline import Clock, Deadline, InvocationContext, now_ms
from dynamodb.run_lease import RunLease
from genesys.errors import GenesysError, UserFacingError
from resources.resource import Comparison
from time_limit import time_limit
from watchdog.clients import Clients
from watchdog.comparison import compare
from watchdog.deployment import Deployment
from watchdog.healing import Healer, Healing
from watchdog.queue_check import report_unknown_queues
from watchdog.queue_metrics import keep_metrics_awake

# The lease outlasts the invocation that takes it by this time. The next run begins a minute after
# the timeout of this one.
LEASE_EXTRA_MS = 1000
# The longest times for taking the lease and for giving it back. The latter is within the last
# seconds before the function's timeout.
MAX_TAKING_SECONDS = 10.0
MAX_GIVING_BACK_SECONDS = 3.0
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


ANOTHER_RUN = "Another run of the watchdog is under way."

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
    now_ms: Clock = now_ms,
) -> dict[str, Any]:
    """Run the watchdog, unless another run has the lease.

    If DynamoDB does not say whether there is another run, this run compares, but changes nothing in
    Genesys Cloud and looks for no missing ends.

    Returns
    -------
    dict[str, Any]
        `healthy`, a bool; `differences`, a list of sentences, which omits the differences that were
        removed; and `healed`, a list of the requests that changed Genesys Cloud. If there is
        another run, only `skipped`, a sentence.

    Raises
    ------
    ComparisonFailed
        There is no result and no metric; the failure may be transient.
    """
    lease = RunLease(clients.dynamodb, deployment.ledger_table, now_ms)
    length_ms = context.get_remaining_time_in_millis() + LEASE_EXTRA_MS
    deadline = Deadline.before_timeout(context, DEADLINE_SECONDS_BEFORE_TIMEOUT)
    try:
        if not lease.take(length_ms, deadline.within(MAX_TAKING_SECONDS)):
            logger.info("Skipped", reason=ANOTHER_RUN)
            return {"skipped": ANOTHER_RUN}
    except CALL_ERRORS as error:
        reason = (
            "Another run may be under way: DynamoDB did not give this run the lease "
            f"({describe(error, 'DynamoDB')})."
        )
        logger.warning("This run changes nothing", reason=reason)
        deployment, backfill = replace(deployment, heals=False), None
    try:
        return _run(deployment, context, clients, logger, backfill)
    finally:
        _give_back(lease, context, logger)


def _give_back(lease: RunLease, context: InvocationContext, logger: Logger) -> None:
    deadline = Deadline.before_timeout(context, 0).within(MAX_GIVING_BACK_SECONDS)
    try:
        lease.give_back(deadline)
    except CALL_ERRORS as error:
        # The lease expires before the next scheduled run.
        logger.info("Lease not given back", error=describe(error, "DynamoDB"))


def _run(
    deployment: Deployment,
    context: InvocationContext,
    clients: Clients,
    logger: Logger,
    backfill: Backfills | None,
) -> dict[str, Any]:
    """Compare Genesys Cloud with the deployment; log the differences and emit a metric.

    The metric `SubscriptionHealthy` is 1 if there is no difference, else 0. In spite of its name,
    it covers integrations, too. If the first comparison finds a difference, a second comparison
    decides, half a minute later. If the deployment heals, the differences are then removed. A 1
    follows the 0 if none remains, so that the alarm turns on, and off again.

    The queues' metrics are kept awake before all this. After it, `report_unknown_queues` checks the
    queues, and `backfill` looks for missing ends with the time that is left. None of them changes
    the result.
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
