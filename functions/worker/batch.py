"""From a batch of messages to one outcome for each."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from conversations.envelope import Accepted, Ignored, Rejected, parse
from conversations.ledger import Claim, Elsewhere, Finished, Ledger, Unclaimed
from conversations.ledger_table import Clock, Key
from deadline import Deadline, InvocationContext
from destinations.delivery import Destination
from worker.deliveries import Deliveries, Work
from worker.intake import Intake
from worker.message import Message
from worker.outcome import Ended, Outcome, Report

# Seconds of an invocation's time that are kept: for reporting, of these for setting delays, and of
# these for the answer.
REPORT_RESERVE = 3.0
DELAY_RESERVE = 1.5
ANSWER_RESERVE = 1.0
# Milliseconds for which a claim outlives the invocation that holds it.
LEASE_RESERVE_MS = 1000

Arrivals = list[tuple[Accepted, list[Message]]]
"""The distinct ends of a batch, each with the messages that tell of it."""


def process(
    messages: Iterable[Message],
    *,
    queue_ids: Collection[str],
    intake: Intake,
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
    queue_ids
        Our queues; ends in others are ignored.
    context
        Lambda's, for the time left.
    now_ms
        The time in epoch milliseconds.
    """
    deadline = Deadline.before_timeout_of(context, REPORT_RESERVE, sleep)
    answering = Deadline.before_timeout_of(context, ANSWER_RESERVE, sleep)
    lease_until = now_ms() + context.get_remaining_time_in_millis() + LEASE_RESERVE_MS
    report = Report()

    arrivals, poison = _sort(messages, queue_ids, deadline, report)
    # Rejecting and claiming have a share of the time each, as each destination does: neither a
    # queue nor a table that is slow must keep good ends from being delivered.
    steps = 2 + len(destinations)
    report.outcomes += intake.reject(poison, _share(deadline, steps))

    claims = ledger.claims(lease_until)
    ends = [accepted for accepted, _ in arrivals]
    standings = claims.claim(ends, _share(deadline, steps - 1))
    works: dict[Key, Work] = {}
    for (accepted, told_by), standing in zip(arrivals, standings, strict=True):
        match standing:
            case Claim():
                work = works.setdefault(standing.key, Work.of(standing, accepted))
                work.messages += told_by
            case Finished():
                report.outcomes += [Outcome(m, "duplicate") for m in told_by]
            case Elsewhere(until):
                report.outcomes += [
                    Outcome(m, "failed", "claimed_elsewhere", "", until) for m in told_by
                ]
            case Unclaimed(error):
                reason = "ledger" if error else "no_time"
                report.outcomes += [Outcome(m, "failed", reason, error) for m in told_by]
    marking = Deadline.before_timeout_of(context, DELAY_RESERVE, sleep)
    deliveries = Deliveries(destinations, claims, marking)
    deliveries.carry_out(list(works.values()), deadline)
    report.delivery_failures = deliveries.failures
    refused: list[tuple[Message, Rejected]] = []
    for work in works.values():
        _report(work, report, refused, now_ms())

    report.outcomes += intake.reject(refused, answering)
    intake.delay(report.of_kind("failed"), now_ms(), answering)
    return report


def _share(deadline: Deadline, steps: int) -> Deadline:
    return deadline.within(max(0.0, deadline.left()) / steps)


def _sort(
    messages: Iterable[Message], queue_ids: Collection[str], deadline: Deadline, report: Report
) -> tuple[Arrivals, list[tuple[Message, Rejected]]]:
    """Return the distinct ends and the poison; what is ignored or too late is reported."""
    poison: list[tuple[Message, Rejected]] = []
    arrived: dict[tuple[str, str, int | None], tuple[Accepted, list[Message]]] = {}
    for message in messages:
        if deadline.passed():
            report.outcomes.append(Outcome(message, "failed", "no_time"))
            continue
        match parse(message.body, message.sent_at_ms, queue_ids):
            case Rejected() as rejected:
                poison.append((message, rejected))
            case Ignored(reason):
                report.outcomes.append(Outcome(message, "ignored", reason))
            case Accepted(end, ended_at_ms, dated) as accepted:
                # Only the same event is merged here. Whether ends of different times are the same
                # end is a question of what is recorded, which the ledger answers.
                same = end.conversation_id, end.queue_id, ended_at_ms if dated else None
                arrived.setdefault(same, (accepted, []))[1].append(message)
    return list(arrived.values()), poison


def _report(
    work: Work, report: Report, refused: list[tuple[Message, Rejected]], now_ms: int
) -> None:
    """Report the messages of an end; they share its fate, so that none is lost."""
    first, *repeats = work.messages
    problems = "; ".join([*work.problems.values(), *work.refusals.values()])
    match work.fate():
        case "done":
            report.outcomes.append(Outcome(first, "processed"))
            report.outcomes += [Outcome(message, "duplicate") for message in repeats]
            report.ended.append(Ended(work.end.queue_id, max(0, now_ms - work.ended_at_ms)))
        case "refused":
            refused += [(m, Rejected("destination_refused", problems)) for m in work.messages]
        case "lost":
            report.outcomes += [
                Outcome(m, "failed", "claimed_elsewhere", "claim lost") for m in work.messages
            ]
        case "ledger":
            report.outcomes += [Outcome(m, "failed", "ledger", work.ledger) for m in work.messages]
        case reason:
            report.outcomes += [Outcome(m, "failed", reason, problems) for m in work.messages]
