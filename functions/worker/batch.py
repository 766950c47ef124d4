"""Processes a batch: every message gets one outcome."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from conversations.claim import AlreadyDone, AwaitsDetails, Claim, ClaimResult, HeldByOther
from conversations.end import make_end_id
from conversations.failures import Failed, OutOfTime
from conversations.fields import format_utc, from_epoch_ms
from conversations.ledger import Ledger
from conversations.ledger_store import EndKey
from conversations.parsed import Accepted, Ignored, Rejected
from deadline import Clock, InvocationContext, now_ms
from destinations.destination import Destination
from dynamodb.writes import NO_ANSWER
from private_network import explain_no_answer
from side_by_side import Threads
from worker.claimed_end import ClaimedEnd
from worker.dispatch import Report, dispatch
from worker.intake_queue import IntakeQueue
from worker.messages import Message, Reader, ReadResult
from worker.report import BatchReport, Outcome, OutcomeKind, one_outcome_per_message
from worker.time_budget import TimeBudget

if TYPE_CHECKING:
    from worker.details_step import DetailsStep

# With details, the steps of the batch include the requests and the delayed messages.
_DETAILS_STEPS = 2


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The objects that `process` needs. They are created once and used for many batches.

    Attributes
    ----------
    details
        Completes claimed ends; None if the setting `details` is `none`.
    now_ms
        Returns the time in epoch milliseconds.
    sleep
        Waits for a number of seconds.
    make_threads
        Returns new threads, in which destinations get the ends of a batch.
    """

    reader: Reader
    intake: IntakeQueue
    ledger: Ledger
    destinations: Sequence[Destination]
    details: "DetailsStep | None" = None
    now_ms: Clock = now_ms
    sleep: Callable[[float], None] = time.sleep
    make_threads: Callable[[], Threads[Report]] = Threads


def process(
    messages: Sequence[Message], dependencies: Dependencies, context: InvocationContext
) -> BatchReport:
    """Process a batch and return the report on it.

    First, messages with invalid bodies are moved to the dead-letter queue. Then each distinct end
    is claimed, delivered and marked. If ends get details, an end whose details are not there yet is
    put off. An end's failure does not stop the other ends. A message with a refused end but no
    failed end is moved to the dead-letter queue, too. A failed message comes back after a delay.

    Parameters
    ----------
    context
        Lambda's context object, which knows the time left.
    """
    details = dependencies.details
    steps_after_claiming = 1 + (_DETAILS_STEPS if details else 0)
    budget = TimeBudget(context, steps_after_claiming, dependencies.sleep)
    claims = dependencies.ledger.open_claims(budget.lease_until_ms(dependencies.now_ms()))
    report = BatchReport()

    read_results = dependencies.reader.read(messages, budget.next_step_deadline())
    ends_with_messages, rejections, report.outcomes = _split_read_results(messages, read_results)
    report.outcomes += dependencies.intake.reject(rejections, budget.next_step_deadline())

    accepted_ends = [accepted for accepted, _ in ends_with_messages]
    claim_results = claims.claim(accepted_ends, budget.next_step_deadline())
    claimed_ends, outcomes_per_end = _split_by_claim(ends_with_messages, claim_results)
    if details:
        claimed_ends, outcomes_of_delayed_ends = details.run(claimed_ends, claims, budget)
        outcomes_per_end += outcomes_of_delayed_ends

    report.delivery_failures = dispatch(
        claimed_ends, dependencies.destinations, claims, budget, dependencies.make_threads()
    )
    for claimed_end in claimed_ends:
        outcomes_per_end += _outcomes_of(claimed_end)
        if claimed_end.done:
            latency_ms = max(0, dependencies.now_ms() - claimed_end.claim.ended_at)
            report.latencies_ms.setdefault(claimed_end.end.queue_id, []).append(latency_ms)
    if details:
        report.details_missing = sum(
            claimed_end.done and claimed_end.end.details == "missing"
            for claimed_end in claimed_ends
        )

    # A message that reports several ends has several outcomes until here.
    message_outcomes = one_outcome_per_message(outcomes_per_end)
    rejections_after_refusals = [
        _to_rejection(outcome) for outcome in message_outcomes if outcome.kind == "rejected"
    ]
    report.outcomes += [outcome for outcome in message_outcomes if outcome.kind != "rejected"]
    report.outcomes += dependencies.intake.reject(
        rejections_after_refusals, budget.closing_deadline
    )
    dependencies.intake.delay(
        report.of_kind("failed"), dependencies.now_ms(), budget.closing_deadline
    )
    return report


EndWithMessages = tuple[Accepted, list[Message]]
"""An end and the messages that report it. One message can report several ends."""


def _split_read_results(
    messages: Sequence[Message], read_results: Sequence[ReadResult]
) -> tuple[list[EndWithMessages], list[tuple[Message, Rejected]], list[Outcome]]:
    """Return the distinct ends, the messages to reject, and the outcomes of all other messages.

    Ends that agree in conversation, queue and time are merged here. The ledger decides later
    whether ends with different times are the same end.
    """
    ends: dict[tuple[str, str, int | None, int], EndWithMessages] = {}
    rejections: list[tuple[Message, Rejected]] = []
    outcomes: list[Outcome] = []
    for message, result in zip(messages, read_results, strict=True):
        match result:
            case list():
                for accepted in result:
                    # If the event itself contains no time, `accepted.ended_at_ms` is the time at
                    # which the message was sent. That time does not tell ends apart.
                    own_time_ms = accepted.ended_at_ms if accepted.has_own_time else None
                    identity = (
                        accepted.end.conversation_id,
                        accepted.end.queue_id,
                        own_time_ms,
                        # The ledger treats a delayed message differently from the event itself.
                        accepted.details_attempts,
                    )
                    _, reporting_messages = ends.setdefault(identity, (accepted, []))
                    reporting_messages.append(message)
            case Rejected():
                rejections.append((message, result))
            case Ignored(reason):
                outcomes.append(Outcome(message, "ignored", reason))
            case Failed() | OutOfTime():
                outcomes.append(_failed_outcome(message, result))
            case _:
                assert_never(result)
    return list(ends.values()), rejections, outcomes


def _split_by_claim(
    ends_with_messages: Sequence[EndWithMessages], claim_results: Sequence[ClaimResult]
) -> tuple[list[ClaimedEnd], list[Outcome]]:
    """Return the claimed ends, and outcomes for the messages whose ends were not claimed."""
    claimed_ends: dict[EndKey, ClaimedEnd] = {}
    outcomes: list[Outcome] = []
    for (accepted, messages), result in zip(ends_with_messages, claim_results, strict=True):
        match result:
            case Claim():
                # If the ledger recognizes two of these ends as the same end, they share a claim.
                new_end = _make_claimed_end(result, accepted)
                claimed_end = claimed_ends.setdefault(result.key, new_end)
                claimed_end.messages += messages
                claimed_end.details_attempts = max(
                    claimed_end.details_attempts, accepted.details_attempts
                )
            case AlreadyDone():
                outcomes += [Outcome(message, "duplicate") for message in messages]
            case AwaitsDetails():
                outcomes += [
                    Outcome(message, "ignored", "awaiting_details") for message in messages
                ]
            case HeldByOther(until):
                outcomes += [
                    Outcome(message, "failed", "claimed_elsewhere", not_before_ms=until)
                    for message in messages
                ]
            case Failed() | OutOfTime():
                outcomes += [_failed_outcome(message, result) for message in messages]
            case _:
                assert_never(result)
    return list(claimed_ends.values()), outcomes


def _make_claimed_end(claim: Claim, accepted: Accepted) -> ClaimedEnd:
    """Return a claimed end without messages yet.

    The end gets the time in the ledger, so that it is the same at every attempt, whichever of its
    events arrives.
    """
    conversation_id, queue_id, sequence = claim.key
    end = accepted.end
    if (sequence, claim.ended_at) != (1, accepted.ended_at_ms):
        end = dataclasses.replace(
            end,
            ended_at=format_utc(from_epoch_ms(claim.ended_at)),
            sequence=sequence,
            end_id=make_end_id(conversation_id, queue_id, claim.ended_at),
        )
    return ClaimedEnd(claim, end, accepted.has_own_time, accepted.details_attempts)


def _failed_outcome(message: Message, failure: Failed | OutOfTime) -> Outcome:
    """Return the outcome of a message for which a step failed or no time was left."""
    if isinstance(failure, Failed):
        return Outcome(message, "failed", failure.reason, _describe_error(failure.error))
    return Outcome(message, "failed", "no_time")


def _describe_error(error: str) -> str:
    """Return a failure's error for the log, with advice if the ledger's table gave no answer."""
    return explain_no_answer(error, "DynamoDB") if error == NO_ANSWER else error


def _outcomes_of(claimed_end: ClaimedEnd) -> list[Outcome]:
    """Return the outcomes of the messages that report an end."""
    if claimed_end.done:
        first, *repeats = claimed_end.messages
        return [Outcome(first, "processed"), *(Outcome(m, "duplicate") for m in repeats)]
    kind: OutcomeKind = "failed"
    detail = "; ".join([*claimed_end.failures.values(), *claimed_end.refusals.values()])
    if claimed_end.claim_lost:
        reason, detail = "claimed_elsewhere", "claim lost"
    elif claimed_end.failures:
        reason = "destination"
    elif claimed_end.untried_destinations:
        reason = "no_time"
    elif claimed_end.refusals:
        kind, reason = "rejected", "destination_refused"
    else:
        reason, detail = "ledger", _describe_error(claimed_end.mark_error)
    is_crowded_out = claimed_end.is_crowded_out
    return [
        Outcome(message, kind, reason, detail, is_crowded_out) for message in claimed_end.messages
    ]


def _to_rejection(outcome: Outcome) -> tuple[Message, Rejected]:
    """Convert the outcome of an end that was refused to an entry for `IntakeQueue.reject`."""
    return outcome.message, Rejected("destination_refused", outcome.detail)
