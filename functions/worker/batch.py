"""From a batch of messages to one outcome for each."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from conversations.claim import AlreadyDone, Claim, ClaimResult, HeldByOther
from conversations.failures import Failed, NoTime
from conversations.ledger import Ledger
from conversations.ledger_store import EndKey
from conversations.parsed import Accepted, Ignored, Rejected
from deadline import Clock, InvocationContext, now_ms
from destinations.destination import Destination
from worker.dispatch import ClaimedEnd, dispatch
from worker.intake_queue import IntakeQueue
from worker.messages import Message, Reader, Reading
from worker.report import BatchReport, Kind, Outcome, one_for_each_message
from worker.time_budget import TimeBudget


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the worker, made once for many batches.

    Attributes
    ----------
    now_ms
        Returns the time in epoch milliseconds.
    sleep
        Waits for a number of seconds.
    """

    reader: Reader
    intake: IntakeQueue
    ledger: Ledger
    destinations: Sequence[Destination]
    now_ms: Clock = now_ms
    sleep: Callable[[float], None] = time.sleep


def process(messages: Sequence[Message], parts: Parts, context: InvocationContext) -> BatchReport:
    """Process a batch and return the report on it.

    Messages that can never succeed go to the dead-letter queue first. Then the distinct ends are
    claimed, delivered and completed, whatever becomes of their neighbours. What a destination
    refused for good is rejected, and what failed is delayed for a retry. `TimeBudget` says how much
    time each step has; a message without any left has failed.

    Parameters
    ----------
    context
        Lambda's context object, for the time left.
    """
    budget = TimeBudget(context, len(parts.destinations), parts.sleep)
    claims = parts.ledger.open_claims(budget.lease_until(parts.now_ms()))
    report = BatchReport()

    readings = parts.reader.read(messages, budget.next_step())
    ends, unusable, report.outcomes = _sorted(messages, readings)
    report.outcomes += parts.intake.reject(unusable, budget.next_step())

    results = claims.claim([accepted for accepted, _ in ends], budget.next_step())
    claimed, outcomes = _claimed(ends, results)

    report.delivery_failures = dispatch(claimed, parts.destinations, claims, budget)
    for end in claimed:
        outcomes += _outcomes_of(end)
        if end.done:
            latency_ms = max(0, parts.now_ms() - end.ended_at_ms)
            report.latencies_ms.setdefault(end.end.queue_id, []).append(latency_ms)

    outcomes = one_for_each_message(outcomes)
    refused = [(o.message, REFUSED(o.detail)) for o in outcomes if o.kind == "rejected"]
    report.outcomes += [outcome for outcome in outcomes if outcome.kind != "rejected"]
    report.outcomes += parts.intake.reject(refused, budget.closing)
    parts.intake.delay(report.of_kind("failed"), parts.now_ms(), budget.closing)
    return report


ReportedEnd = tuple[Accepted, list[Message]]
"""An end and the messages that report it; one message can report several ends."""
REFUSED = functools.partial(Rejected, "destination_refused")


def _sorted(
    messages: Sequence[Message], readings: Sequence[Reading]
) -> tuple[list[ReportedEnd], list[tuple[Message, Rejected]], list[Outcome]]:
    """Return the distinct ends, the messages to reject, and the outcomes of the others.

    Only repeats of one event are one end here. Whether ends of different times are the same one
    depends on the ledger, which answers that.
    """
    ends: dict[tuple[str, str, int | None], ReportedEnd] = {}
    unusable: list[tuple[Message, Rejected]] = []
    outcomes: list[Outcome] = []
    for message, reading in zip(messages, readings, strict=True):
        match reading:
            case list():
                for accepted in reading:
                    ended_at_ms = accepted.ended_at_ms if accepted.has_own_time else None
                    same = accepted.end.conversation_id, accepted.end.queue_id, ended_at_ms
                    ends.setdefault(same, (accepted, []))[1].append(message)
            case Rejected():
                unusable.append((message, reading))
            case Ignored(reason):
                outcomes.append(Outcome(message, "ignored", reason))
            case Failed() | NoTime():
                outcomes.append(_ledger_outcome(message, reading))
            case _:
                assert_never(reading)
    return list(ends.values()), unusable, outcomes


def _claimed(
    ends: Sequence[ReportedEnd], results: Sequence[ClaimResult]
) -> tuple[list[ClaimedEnd], list[Outcome]]:
    """Return the claimed ends, and the outcomes of the messages that report the others."""
    claimed: dict[EndKey, ClaimedEnd] = {}
    outcomes: list[Outcome] = []
    for (accepted, messages), result in zip(ends, results, strict=True):
        match result:
            case Claim():
                # Two ends that are the same one to the ledger share a claim.
                end = claimed.setdefault(result.key, ClaimedEnd.of(result, accepted))
                end.messages += messages
            case AlreadyDone():
                outcomes += [Outcome(message, "duplicate") for message in messages]
            case HeldByOther(until):
                outcomes += [
                    Outcome(message, "failed", "claimed_elsewhere", not_before_ms=until)
                    for message in messages
                ]
            case Failed() | NoTime():
                outcomes += [_ledger_outcome(message, result) for message in messages]
            case _:
                assert_never(result)
    return list(claimed.values()), outcomes


def _ledger_outcome(message: Message, failure: Failed | NoTime) -> Outcome:
    if isinstance(failure, Failed):
        return Outcome(message, "failed", "ledger", failure.error)
    return Outcome(message, "failed", "no_time")


def _outcomes_of(end: ClaimedEnd) -> list[Outcome]:
    """Return the outcomes of the messages that report an end; if it fails, they all fail."""
    kind: Kind = "failed"
    reason: str
    detail = "; ".join([*end.problems.values(), *end.refusals.values()])
    match end.fate():
        case "done":
            first, *repeats = end.messages
            return [Outcome(first, "processed"), *(Outcome(m, "duplicate") for m in repeats)]
        case "refused":
            kind, reason = "rejected", "destination_refused"
        case "claim_lost":
            reason, detail = "claimed_elsewhere", "claim lost"
        case "ledger":
            reason, detail = "ledger", end.unmarked
        case "destination" | "no_time" as reason:
            pass
        case unforeseen:
            assert_never(unforeseen)
    return [Outcome(message, kind, reason, detail) for message in end.messages]
