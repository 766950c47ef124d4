"""The alarms' specifications, each with one metric and a text for the person on call."""

from collections.abc import Iterator, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from ..ledger import Ledger
from ..settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS, duration_in_words
from ..settings.settings import Settings
from ..watchdog import Watchdog
from ..worker import Worker
from .alarm_spec import AlarmSpec
from .backfill import backfill_alarm_specs
from .cloudwatch_metrics import (
    VISIBLE_MESSAGES,
    function_metric,
    mapping_metric,
    own_metric,
    queue_metric,
    table_metric,
)
from .details import details_alarm_specs
from .monitored_resources import MonitoredResources

# How often the watchdog runs.
_WATCHDOG_INTERVAL = Duration.minutes(5)
# How long a message may wait in the intake queue in addition to the intended delays.
_MAX_UNINTENDED_WAIT_SECONDS = 120
# A batch is slow if it takes more than this percentage of the worker's timeout.
_SLOW_PERCENT = 80
# An alarm names at most this many routing queues.
_MAX_NAMED_QUEUES = 3

_Missing = cloudwatch.TreatMissingData


def alarm_specs(settings: Settings, resources: MonitoredResources) -> list[AlarmSpec]:
    """Return the specifications of the stack's alarms, in the order of the runbook."""
    specs = [
        *_intake_alarm_specs(settings, resources),
        *_worker_alarm_specs(settings, resources.worker),
        *_outcome_alarm_specs(settings),
        *details_alarm_specs(settings),
    ]
    if resources.watchdog:
        specs += _watchdog_alarm_specs(settings, resources.watchdog)
        specs += backfill_alarm_specs(settings)
    specs += resources.source.alarm_specs
    specs += _ledger_alarm_specs(resources.ledger)
    if settings.silence_hours:
        labels = resources.source.queue_labels
        specs.append(_silence_alarm_spec(settings, settings.silence_hours, labels))
    return specs


def _intake_alarm_specs(settings: Settings, resources: MonitoredResources) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="dead-letters",
        metric=queue_metric(resources.intake.dead_letter_queue, VISIBLE_MESSAGES, "Maximum"),
        meaning=(
            "At least one message could not be processed and is in the dead-letter queue, which "
            f"keeps it until it is {DEAD_LETTER_DAYS} days old. Nothing retries it automatically."
        ),
        first_step=(
            "find out why the message is there. Nothing is lost yet, so take the time to remove "
            "the cause."
        ),
    )
    max_age_seconds = (
        _MAX_UNINTENDED_WAIT_SECONDS
        + max(resources.source.max_delay_seconds, settings.details_delay_seconds)
        + settings.batching_window_seconds
    )
    yield AlarmSpec(
        id="backlog",
        metric=queue_metric(resources.intake.queue, "ApproximateAgeOfOldestMessage", "Maximum"),
        threshold=max_age_seconds,
        datapoints_to_alarm=2,
        evaluation_periods=2,
        meaning=(
            "A message has been in the intake queue for over "
            f"{duration_in_words(max_age_seconds)}, so ends arrive late. "
            f"After {INTAKE_DAYS} days in the queue, messages are lost."
        ),
        first_step=(
            "check the other alarms. If the alarm 'failures' is on, a destination or the ledger "
            "is probably down. If 'mapping-dead', 'worker-throttles' or 'worker-errors' is on, "
            "Lambda does not run the worker, or the worker crashes. If none of these is on, more "
            "messages arrive than the worker can process."
        ),
    )


def _worker_alarm_specs(settings: Settings, worker: Worker) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="failures",
        metric=own_metric(settings, "Failed"),
        datapoints_to_alarm=2,
        # One failure is normal, because a message fails if another invocation has claimed its end.
        # The alarm looks back far enough to see the first two failures of a message.
        evaluation_periods=max(5, settings.retry_delay_seconds // 60 + 2),
        meaning=(
            "Messages fail and are retried, usually because a destination or the ledger is down. "
            "A message that still fails after "
            f"{duration_in_words(settings.outage_seconds)} moves to the dead-letter queue."
        ),
        first_step="read in the worker's log what failed and why, then repair it.",
    )
    yield AlarmSpec(
        id="mapping-dead",
        metric=mapping_metric(worker.mapping, "PolledEventCount"),
        # An idle mapping reports 0, and no value is below the default threshold, 0: only missing
        # values make this alarm fire.
        below=True,
        datapoints_to_alarm=2,
        evaluation_periods=2,
        missing=_Missing.BREACHING,
        meaning=(
            "Lambda does not read the intake queue, so no end is processed. Messages wait in the "
            f"queue for up to {INTAKE_DAYS} days and are then lost. Ignore this alarm in the first "
            "minutes of a new stack."
        ),
        first_step="check that the worker's event source mapping exists and is enabled.",
    )
    yield AlarmSpec(
        id="worker-errors",
        metric=function_metric(worker.function, "Errors"),
        meaning=(
            "The worker crashed: it could not start, ran out of memory or time, or has a bug. All "
            "messages of the batch are retried. Messages that the worker itself reports as failed "
            "do not turn this alarm on."
        ),
        first_step=(
            "read the last error in the worker's log. If the errors began with a deploy, deploy "
            "the previous revision."
        ),
    )
    yield AlarmSpec(
        id="worker-throttles",
        metric=function_metric(worker.function, "Throttles"),
        datapoints_to_alarm=3,
        evaluation_periods=5,
        meaning=(
            "Lambda refuses to run the worker because the account's concurrency is used up. "
            "Messages are retried, but each refusal costs them one of their "
            f"{settings.max_receive_count} receives."
        ),
        first_step="find out which function uses up the account's concurrency.",
    )
    slow_ms = settings.worker_timeout_seconds * 1000 * _SLOW_PERCENT // 100
    yield AlarmSpec(
        id="worker-slow",
        metric=function_metric(worker.function, "Duration", "p99"),
        threshold=slow_ms,
        datapoints_to_alarm=2,
        evaluation_periods=5,
        meaning=(
            f"The slowest batches take over {_SLOW_PERCENT} % of the worker's timeout of "
            f"{settings.worker_timeout_seconds} s. If they become slower, the worker will run out "
            "of time, and the rest of their messages will be retried later."
        ),
        first_step="find out what is slow: a destination, the action, or the ledger.",
    )


def _outcome_alarm_specs(settings: Settings) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="rejects",
        metric=own_metric(settings, "Rejected"),
        meaning=(
            "A message can never be processed, so the worker moved it to the dead-letter queue. "
            "Either Genesys Cloud has changed its events, somebody else sends to the intake queue, "
            "or a destination has refused an end for good."
        ),
        first_step="read the message's reason and detail in the worker's log.",
    )
    yield AlarmSpec(
        id="delivery-failures",
        metric=own_metric(settings, "DeliveryFailures"),
        meaning=(
            "An end did not arrive at one of its destinations. The worker retries this "
            "destination and no other. If the destination has refused the end for good, the "
            "worker does not retry it either."
        ),
        first_step="read in the worker's log which destination failed and why.",
    )


def _watchdog_alarm_specs(settings: Settings, watchdog: Watchdog) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        # The id and the metric have these names with the integration, too.
        id="subscription-unhealthy",
        metric=own_metric(settings, "SubscriptionHealthy", "Minimum").with_(
            period=_WATCHDOG_INTERVAL
        ),
        threshold=1,
        below=True,
        missing=_Missing.MISSING,
        notify_on_missing_data=True,
        meaning=(
            "The subscription or integration in Genesys Cloud is missing, switched off, duplicated "
            "or not as deployed, or Genesys Cloud refuses the OAuth client. Ends may be lost right "
            "now. If the alarm's state is INSUFFICIENT_DATA, the watchdog has not checked Genesys "
            "Cloud for a while."
        ),
        first_step=(
            "read in the watchdog's log whether it has healed the difference. If not, remove the "
            "difference; the runbook shows how."
        ),
    )
    yield AlarmSpec(
        id="unknown-queues",
        metric=own_metric(settings, "UnknownQueues", "Maximum").with_(period=_WATCHDOG_INTERVAL),
        meaning=(
            "At least one queue of the setting queue_ids is gone from Genesys Cloud, or the OAuth "
            "client cannot see the queue's division any more. No ends arrive from a deleted queue."
        ),
        first_step="read in the watchdog's log which queue is missing.",
    )
    yield AlarmSpec(
        id="watchdog-errors",
        metric=function_metric(watchdog.function, "Errors").with_(period=_WATCHDOG_INTERVAL),
        datapoints_to_alarm=2,
        evaluation_periods=3,
        meaning=(
            "The watchdog could not check Genesys Cloud, or crashed. Ends may still arrive, but "
            "nobody would notice if they stopped."
        ),
        first_step=(
            "read the watchdog's log. If Genesys Cloud has an outage, wait for the outage to end."
        ),
    )


def _ledger_alarm_specs(ledger: Ledger) -> Iterator[AlarmSpec]:
    for operations, metric_name in (
        ("reads", "ReadThrottleEvents"),
        ("writes", "WriteThrottleEvents"),
    ):
        yield AlarmSpec(
            id=f"ledger-{operations}-throttled",
            metric=table_metric(ledger.table, metric_name),
            datapoints_to_alarm=2,
            evaluation_periods=5,
            shared_anchor="ledger-throttled",  # one section of the runbook for both alarms
            meaning=(
                f"DynamoDB throttles {operations} of the ledger's table, usually because the load "
                "exceeds the table's current capacity. The messages fail and are retried, so ends "
                "arrive late."
            ),
            first_step=(
                "wait ten minutes, because the table adapts to the load. If DynamoDB still "
                "throttles, reduce the load."
            ),
        )


def _silence_alarm_spec(
    settings: Settings, silence_hours: int, queue_labels: Sequence[str]
) -> AlarmSpec:
    queues = ", ".join(queue_labels[:_MAX_NAMED_QUEUES])
    if len(queue_labels) > _MAX_NAMED_QUEUES:
        queues += f" and {len(queue_labels) - _MAX_NAMED_QUEUES} more"
    return AlarmSpec(
        id="silence",
        metric=own_metric(settings, "Ended").with_(period=Duration.hours(1)),
        threshold=1,
        below=True,
        datapoints_to_alarm=silence_hours,
        evaluation_periods=silence_hours,
        missing=_Missing.BREACHING,
        meaning=(
            f"No end was processed for {silence_hours} h. Either no conversation ended in the "
            f"queues ({queues}), or ends do not arrive. In a new stack, the alarm is on until the "
            "first end."
        ),
        first_step=(
            "ask the contact centre whether conversations have ended. If so, check the "
            "subscription or integration in Genesys Cloud."
        ),
    )
