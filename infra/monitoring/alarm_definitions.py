"""The alarm specifications. Each has one metric and a text for the person on call."""

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.ledger import Ledger
from infra.monitoring.alarm_spec import AlarmSpec
from infra.monitoring.metrics import (
    VISIBLE,
    function_metric,
    mapping_metric,
    own_metric,
    queue_metric,
    table_metric,
)
from infra.monitoring.monitored_resources import MonitoredResources
from infra.settings.retries import (
    DEAD_LETTER_DAYS,
    INTAKE_DAYS,
    duration_in_words,
)
from infra.settings.settings import Settings
from infra.watchdog import Watchdog
from infra.worker import Worker

_FIVE_MINUTES = Duration.minutes(5)
# How long a message may wait in the intake queue, not counting deliberate delays.
_MAX_WAIT_SECONDS = 120
# Share of the worker's timeout that a batch may take before it counts as slow.
_SLOW_PERCENT = 80

_Missing = cloudwatch.TreatMissingData


def alarm_specs(settings: Settings, resources: MonitoredResources) -> list[AlarmSpec]:
    """Return the specifications of the stack's alarms, in the order of the runbook."""
    specs = [
        *_queue_alarms(settings, resources),
        *_worker_alarms(settings, resources.worker),
        *_outcome_alarms(settings),
    ]
    if resources.watchdog:
        specs += _watchdog_alarms(settings, resources.watchdog)
    specs += resources.source.alarm_specs
    specs += _ledger_alarms(resources.ledger)
    if settings.silence_hours:
        specs.append(_silence_alarm(settings, settings.silence_hours))
    return specs


def _queue_alarms(settings: Settings, resources: MonitoredResources) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="dead-letters",
        metric=queue_metric(resources.intake.dead_letter_queue, VISIBLE, "Maximum"),
        meaning=(
            "At least one message could not be processed and is in the dead-letter queue. It is "
            f"kept there until it is {DEAD_LETTER_DAYS} days old; nothing tries it again by itself."
        ),
        first_step="read why it is there. Nothing is lost yet, so take the time to mend the cause.",
    )
    max_wait_seconds = (
        _MAX_WAIT_SECONDS + resources.source.max_delay_seconds + settings.batching_window_seconds
    )
    yield AlarmSpec(
        id="backlog",
        metric=queue_metric(resources.intake.queue, "ApproximateAgeOfOldestMessage", "Maximum"),
        threshold=max_wait_seconds,
        datapoints_to_alarm=2,
        evaluation_periods=2,
        meaning=(
            "A message has waited in the intake queue for over "
            f"{duration_in_words(max_wait_seconds)}: "
            f"ends arrive late. After {INTAKE_DAYS} days they would be lost."
        ),
        first_step=(
            "see which other alarms are on. failures: something the worker calls is down. "
            "mapping-dead or worker-throttles: the worker is not called. None: there are more "
            "messages than it can do."
        ),
    )


def _worker_alarms(settings: Settings, worker: Worker) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="failures",
        metric=own_metric(settings, "Failed"),
        datapoints_to_alarm=2,
        # One failure is normal: a message fails once if another invocation has claimed its end. The
        # periods span the delay before a retry, so that a second failure of the message counts.
        evaluation_periods=max(5, settings.retry_delay_seconds // 60 + 2),
        meaning=(
            "Messages fail and come back, as a destination or the ledger does not take them. "
            "What goes on failing is in the dead-letter queue after "
            f"{duration_in_words(settings.outage_seconds)}."
        ),
        first_step=(
            "read the reason in the worker's log, which names the destination; then see to it."
        ),
    )
    yield AlarmSpec(
        id="mapping-dead",
        metric=mapping_metric(worker.mapping, "PolledEventCount"),
        # The metric is never below the threshold, 0, and an idle mapping reports 0. So only missing
        # values make this alarm fire.
        below=True,
        datapoints_to_alarm=2,
        evaluation_periods=2,
        missing=_Missing.BREACHING,
        meaning=(
            "Lambda has stopped reading the intake queue. No end is processed; they pile up for "
            f"{INTAKE_DAYS} days, then they are lost. In a stack's first minutes it means nothing."
        ),
        first_step="see whether the worker's event source mapping is there and enabled.",
    )
    yield AlarmSpec(
        id="worker-errors",
        metric=function_metric(worker.function, "Errors"),
        meaning=(
            "The worker itself broke: it could not start, ran out of memory or time, or has a "
            "fault. The messages of that batch come back. One that fails in the regular way does "
            "not do this."
        ),
        first_step="read the last error in the worker's log; if it began with a deploy, undo that.",
    )
    yield AlarmSpec(
        id="worker-throttles",
        metric=function_metric(worker.function, "Throttles"),
        datapoints_to_alarm=3,
        evaluation_periods=5,
        meaning=(
            "Lambda refuses to run the worker, as the account's concurrency is used up. Messages "
            "wait and come back, and each refusal costs them one of their "
            f"{settings.max_receive_count} receives."
        ),
        first_step="find out which function uses the account's concurrency up.",
    )
    limit_ms = settings.worker_timeout_seconds * 10 * _SLOW_PERCENT
    yield AlarmSpec(
        id="worker-slow",
        metric=function_metric(worker.function, "Duration", "p99"),
        threshold=limit_ms,
        datapoints_to_alarm=2,
        evaluation_periods=5,
        meaning=(
            f"Batches take over {_SLOW_PERCENT} % of the worker's "
            f"{settings.worker_timeout_seconds} s. Soon it will leave messages for want of time, "
            "and those come back later."
        ),
        first_step="find the slow one: a destination, the action, or the ledger.",
    )


def _outcome_alarms(settings: Settings) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="rejects",
        metric=own_metric(settings, "Rejected"),
        meaning=(
            "A message came that can never be processed, so it went to the dead-letter queue "
            "at once. What Genesys Cloud sends has changed, somebody else sends to the queue, or a "
            "destination refused an end for good."
        ),
        first_step="read its reason and detail in the worker's log.",
    )
    yield AlarmSpec(
        id="delivery-failures",
        metric=own_metric(settings, "DeliveryFailures"),
        meaning=(
            "An end did not arrive at one of its destinations. It is tried again at that one "
            "alone, unless it was refused for good."
        ),
        first_step="read in the worker's log which destination it is and what it answered.",
    )


def _watchdog_alarms(settings: Settings, watchdog: Watchdog) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="subscription-unhealthy",
        metric=own_metric(settings, "SubscriptionHealthy", "Minimum").with_(period=_FIVE_MINUTES),
        threshold=1,
        below=True,
        missing=_Missing.MISSING,
        notify_on_missing_data=True,
        meaning=(
            "What sends us the ends in Genesys Cloud is gone, was changed or is off, or Genesys "
            "Cloud refuses our OAuth client. Ends may be lost right now. If the state is "
            "INSUFFICIENT_DATA, nobody has looked: the watchdog is silent."
        ),
        first_step="let the watchdog say what differs; the runbook has the command that mends it.",
    )
    yield AlarmSpec(
        id="watchdog-errors",
        metric=function_metric(watchdog.function, "Errors").with_(period=_FIVE_MINUTES),
        datapoints_to_alarm=2,
        evaluation_periods=3,
        meaning=(
            "The watchdog could not see how things are in Genesys Cloud, or is broken itself. Ends "
            "may still arrive, but nobody would notice if they stopped."
        ),
        first_step="read the watchdog's log; if Genesys Cloud has an outage, wait for its end.",
    )


def _ledger_alarms(ledger: Ledger) -> Iterator[AlarmSpec]:
    for kind, name in (("reads", "ReadThrottleEvents"), ("writes", "WriteThrottleEvents")):
        yield AlarmSpec(
            id=f"ledger-{kind}-throttled",
            metric=table_metric(ledger.table, name),
            datapoints_to_alarm=2,
            evaluation_periods=5,
            section="ledger-throttled",
            meaning=(
                f"DynamoDB refuses {kind} of the ledger's table: more comes at once than it has "
                "grown to. Messages come back and are tried again, so that they arrive late."
            ),
            first_step="see whether it ends by itself within ten minutes, as the table grows.",
        )


def _silence_alarm(settings: Settings, hours: int) -> AlarmSpec:
    return AlarmSpec(
        id="silence",
        metric=own_metric(settings, "Ended").with_(period=Duration.hours(1)),
        threshold=1,
        below=True,
        datapoints_to_alarm=hours,
        evaluation_periods=hours,
        missing=_Missing.BREACHING,
        meaning=(
            f"No end was processed for {hours} h. Either no conversation ended in the queues, or "
            "ends do not arrive. In a new stack it means that none has come yet."
        ),
        first_step="ask whether the queues were open; if they were, see subscription-unhealthy.",
    )
