"""From a batch of messages to one outcome for each."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from conversations.claim import AlreadyDone, Claim, HeldByOther
from conversations.failures import Failed, NoTime
from conversations.ledger import LEASE_RESERVE_MS, Ledger
from conversations.ledger_store import EndKey
from conversations.parsed import Rejected, RejectReason
from deadline import Clock, Deadline, InvocationContext
from destinations.destination import Destination
from worker.arrivals import Arrivals
from worker.dispatch import ClaimedEnd, Dispatch
from worker.intake_queue import IntakeQueue
from worker.message import Message
from worker.outcome import Ended, Outcome, Report

# Seconds of an invocation's time that are kept: for reporting, of these for setting delays, and of
# these for the answer.
REPORT_RESERVE = 3.0
DELAY_RESERVE = 1.5
ANSWER_RESERVE = 1.0

Fates = defaultdict[int, list[Outcome]]
"""By identity of a message, the outcome of each end that it tells of."""


class Reader(Protocol):
    """Tells what the messages of a batch are about; see `worker.arrivals`."""

    def read(self, messages: Iterable[Message], deadline: Deadline) -> Arrivals: ...


def process(
    messages: Iterable[Message],
    *,
    reader: Reader,
    intake: IntakeQueue,
    ledger: Ledger,
    destinations: Sequence[Destination],
    context: InvocationContext,
    now_ms: Clock,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Process a batch and return what became of each message.

    Poison goes to the dead-letter queue first. Then the distinct ends are claimed, delivered to
    each destination and completed, whatever becomes of their neighbours; what failed is given up
    for a retry and delayed. When less than `REPORT_RESERVE` seconds are left of the invocation,
    what has not been begun is failed for want of time.

    Parameters
    ----------
    context
        Lambda's, for the time left.
    now_ms
        The time in epoch milliseconds.
    """
    deadline = Deadline.before_timeout_of(context, REPORT_RESERVE, sleep)
    answering = Deadline.before_timeout_of(context, ANSWER_RESERVE, sleep)
    claims = ledger.claims(now_ms() + context.get_remaining_time_in_millis() + LEASE_RESERVE_MS)
    # Reading, rejecting and claiming have a share of the time each, as each destination does: no
    # queue or table that is slow must keep good ends from being delivered.
    steps = 3 + len(destinations)

    arrivals = reader.read(messages, _share(deadline, steps))
    report = Report(arrivals.outcomes)
    report.outcomes += intake.reject(arrivals.poison, _share(deadline, steps - 1))

    ends = [accepted for accepted, _ in arrivals.told]
    standings = claims.claim(ends, _share(deadline, steps - 2))
    fates: Fates = defaultdict(list)
    works: dict[EndKey, ClaimedEnd] = {}
    for (accepted, told_by), standing in zip(arrivals.told, standings, strict=True):
        match standing:
            case Claim():
                work = works.setdefault(standing.key, ClaimedEnd.of(standing, accepted))
                work.messages += told_by
            case AlreadyDone():
                _note(fates, [Outcome(m, "duplicate") for m in told_by])
            case HeldByOther(until):
                held = [Outcome(m, "failed", "claimed_elsewhere", "", until) for m in told_by]
                _note(fates, held)
            case Failed(error):
                _note(fates, [Outcome(m, "failed", "ledger", error) for m in told_by])
            case NoTime():
                _note(fates, [Outcome(m, "failed", "no_time") for m in told_by])
    marking = Deadline.before_timeout_of(context, DELAY_RESERVE, sleep)
    deliveries = Dispatch(destinations, claims, marking)
    deliveries.carry_out(list(works.values()), deadline)
    report.delivery_failures = deliveries.failures
    for work in works.values():
        _note(fates, _outcomes(work))
        if work.done:
            latency = max(0, now_ms() - work.ended_at_ms)
            report.ended.append(Ended(work.end.queue_id, latency))

    of_messages = [_together(outcomes) for outcomes in fates.values()]
    refused = [outcome for outcome in of_messages if outcome.kind == "rejected"]
    report.outcomes += [outcome for outcome in of_messages if outcome.kind != "rejected"]
    report.outcomes += intake.reject(
        [(o.message, Rejected("destination_refused", o.detail)) for o in refused], answering
    )
    intake.delay(report.of_kind("failed"), now_ms(), answering)
    return report


def _share(deadline: Deadline, steps: int) -> Deadline:
    return deadline.within(max(0.0, deadline.left()) / steps)


def _note(fates: Fates, outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        fates[id(outcome.message)].append(outcome)


def _outcomes(work: ClaimedEnd) -> list[Outcome]:
    """Return what an end means for its messages; they share its fate, so that none is lost."""
    first, *repeats = work.messages
    problems = "; ".join([*work.problems.values(), *work.refusals.values()])
    match work.fate():
        case "done":
            repeated = [Outcome(message, "duplicate") for message in repeats]
            return [Outcome(first, "processed"), *repeated]
        case "refused":
            reason: RejectReason = "destination_refused"
            return [Outcome(message, "rejected", reason, problems) for message in work.messages]
        case "lost":
            return [
                Outcome(message, "failed", "claimed_elsewhere", "claim lost")
                for message in work.messages
            ]
        case "ledger":
            return [Outcome(message, "failed", "ledger", work.ledger) for message in work.messages]
        case reason_to_retry:
            return [
                Outcome(message, "failed", reason_to_retry, problems) for message in work.messages
            ]


# Of the outcomes of a message's ends, the first of these is the message's.
_PRESSING = ("failed", "rejected", "processed", "duplicate")


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome of a message that tells of one or more ends.

    It has failed if one of them has, so that it comes back; what is done by then is not repeated.
    """
    return min(outcomes, key=lambda outcome: _PRESSING.index(outcome.kind))
