"""The alarms of every stack: the one metric behind each, and the text for whoever is woken."""

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.ledger import Ledger
from infra.monitoring.alarm_spec import AlarmSpec
from infra.monitoring.metrics import VISIBLE, of_function, of_mapping, of_queue, of_table, own
from infra.monitoring.monitored_resources import MonitoredResources
from infra.settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS, duration_in_words
from infra.settings.settings import Settings
from infra.watchdog import Watchdog
from infra.worker import Worker

_FIVE_MINUTES = Duration.minutes(5)
# Seconds that a message may wait in the intake queue, beside the time that it is held back.
_WAIT = 120
# Share of the worker's timeout beyond which the next slow answer would cost a batch.
_SLOW_PERCENT = 80

_Missing = cloudwatch.TreatMissingData


def alarm_specs(settings: Settings, resources: MonitoredResources) -> list[AlarmSpec]:
    """Return the alarms of a stack in the order of the runbook."""
    found = [
        *_of_messages(settings, resources),
        *_of_worker(settings, resources.worker),
        *_of_outcomes(settings),
    ]
    if resources.watchdog:
        found += _of_watchdog(settings, resources.watchdog)
    found += resources.source.alarms
    found += _of_ledger(resources.ledger)
    if settings.silence_hours:
        found.append(_silence(settings, settings.silence_hours))
    return found


def _of_messages(settings: Settings, resources: MonitoredResources) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="dead-letters",
        metric=of_queue(resources.intake.dead_letter_queue, VISIBLE, "Maximum"),
        meaning=(
            "At least one message could not be processed and is in the dead-letter queue. It is "
            f"kept there until it is {DEAD_LETTER_DAYS} days old; nothing tries it again by itself."
        ),
        first="read why it is there. Nothing is lost yet, so take the time to mend the cause.",
    )
    wait = _WAIT + resources.source.held_back_seconds + settings.batching_window_seconds
    yield AlarmSpec(
        id="backlog",
        metric=of_queue(resources.intake.queue, "ApproximateAgeOfOldestMessage", "Maximum"),
        threshold=wait,
        times=2,
        periods=2,
        meaning=(
            f"A message has waited in the intake queue for over {duration_in_words(wait)}: ends "
            f"arrive late. After {INTAKE_DAYS} days they would be lost."
        ),
        first=(
            "see which other alarms are on. failures: something the worker calls is down. "
            "mapping-dead or worker-throttles: the worker is not called. None: there are more "
            "messages than it can do."
        ),
    )


def _of_worker(settings: Settings, worker: Worker) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="failures",
        metric=own(settings, "Failed"),
        times=2,
        # A message whose end another invocation holds fails once and comes back: no fault.
        periods=max(5, settings.retry_delay_seconds // 60 + 2),
        meaning=(
            "Messages fail and come back, as a destination or the ledger does not take them. "
            "What goes on failing is in the dead-letter queue after "
            f"{duration_in_words(settings.outage_seconds)}."
        ),
        first="read the reason in the worker's log, which names the destination; then see to it.",
    )
    yield AlarmSpec(
        id="mapping-dead",
        metric=of_mapping(worker.mapping, "PolledEventCount"),
        # No count is below 0: the alarm goes on when there is none, as an idle mapping reports 0.
        below=True,
        times=2,
        periods=2,
        missing=_Missing.BREACHING,
        meaning=(
            "Lambda has stopped reading the intake queue. No end is processed; they pile up for "
            f"{INTAKE_DAYS} days, then they are lost. In a stack's first minutes it means nothing."
        ),
        first="see whether the worker's event source mapping is there and enabled.",
    )
    yield AlarmSpec(
        id="worker-errors",
        metric=of_function(worker.function, "Errors"),
        meaning=(
            "The worker itself broke: it could not start, ran out of memory or time, or has a "
            "fault. The messages of that batch come back. One that fails in the regular way does "
            "not do this."
        ),
        first="read the last error in the worker's log; if it began with a deploy, undo that.",
    )
    yield AlarmSpec(
        id="worker-throttles",
        metric=of_function(worker.function, "Throttles"),
        times=3,
        periods=5,
        meaning=(
            "Lambda refuses to run the worker, as the account's concurrency is used up. Messages "
            "wait and come back, and each refusal costs them one of their "
            f"{settings.max_receive_count} receives."
        ),
        first="find out which function uses the account's concurrency up.",
    )
    limit_ms = settings.worker_timeout_seconds * 10 * _SLOW_PERCENT
    yield AlarmSpec(
        id="worker-slow",
        metric=of_function(worker.function, "Duration", "p99"),
        threshold=limit_ms,
        times=2,
        periods=5,
        meaning=(
            f"Batches take over {_SLOW_PERCENT} % of the worker's "
            f"{settings.worker_timeout_seconds} s. Soon it will leave messages for want of time, "
            "and those come back later."
        ),
        first="find the slow one: a destination, the action, or the ledger.",
    )


def _of_outcomes(settings: Settings) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="rejects",
        metric=own(settings, "Rejected"),
        meaning=(
            "A message came that can never be processed, so it went to the dead-letter queue "
            "at once. What Genesys Cloud sends has changed, somebody else sends to the queue, or a "
            "destination refused an end for good."
        ),
        first="read its reason and detail in the worker's log.",
    )
    yield AlarmSpec(
        id="delivery-failures",
        metric=own(settings, "DeliveryFailures"),
        meaning=(
            "An end did not arrive at one of its destinations. It is tried again at that one "
            "alone, unless it was refused for good."
        ),
        first="read in the worker's log which destination it is and what it answered.",
    )


def _of_watchdog(settings: Settings, watchdog: Watchdog) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="subscription-unhealthy",
        metric=own(settings, "SubscriptionHealthy", "Minimum").with_(period=_FIVE_MINUTES),
        threshold=1,
        below=True,
        missing=_Missing.MISSING,
        unknown_is_told=True,
        meaning=(
            "What sends us the ends in Genesys Cloud is gone, was changed or is off, or Genesys "
            "Cloud refuses our OAuth client. Ends may be lost right now. If the state is "
            "INSUFFICIENT_DATA, nobody has looked: the watchdog is silent."
        ),
        first="let the watchdog say what differs; the runbook has the command that mends it.",
    )
    yield AlarmSpec(
        id="watchdog-errors",
        metric=of_function(watchdog.function, "Errors").with_(period=_FIVE_MINUTES),
        times=2,
        periods=3,
        meaning=(
            "The watchdog could not see how things are in Genesys Cloud, or is broken itself. Ends "
            "may still arrive, but nobody would notice if they stopped."
        ),
        first="read the watchdog's log; if Genesys Cloud has an outage, wait for its end.",
    )


def _of_ledger(ledger: Ledger) -> Iterator[AlarmSpec]:
    for kind, name in (("reads", "ReadThrottleEvents"), ("writes", "WriteThrottleEvents")):
        yield AlarmSpec(
            id=f"ledger-{kind}-throttled",
            metric=of_table(ledger.table, name),
            times=2,
            periods=5,
            section="ledger-throttled",
            meaning=(
                f"DynamoDB refuses {kind} of the ledger's table: more comes at once than it has "
                "grown to. Messages come back and are tried again, so that they arrive late."
            ),
            first="see whether it ends by itself within ten minutes, as the table grows.",
        )


def _silence(settings: Settings, hours: int) -> AlarmSpec:
    return AlarmSpec(
        id="silence",
        metric=own(settings, "Ended").with_(period=Duration.hours(1)),
        threshold=1,
        below=True,
        times=hours,
        periods=hours,
        missing=_Missing.BREACHING,
        meaning=(
            f"No end was processed for {hours} h. Either no conversation ended in the queues, or "
            "ends do not arrive. In a new stack it means that none has come yet."
        ),
        first="ask whether the queues were open; if they were, see subscription-unhealthy.",
    )
