"""From a batch of messages to one outcome for each."""

import traceback
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from conversations.end import ConversationEnd
from conversations.envelope import Accepted, Ignored, Rejected, parse
from deadline import Deadline, InvocationContext, interrupted_after
from worker.intake import Intake
from worker.message import Message
from worker.outcome import Ended, Outcome, Report

# Seconds of an invocation's time that are kept: for reporting, and of these for the answer.
REPORT_RESERVE = 3.0
ANSWER_RESERVE = 1.0
# Seconds that one call of a destination may take.
CALL_LIMIT = 10.0
# Ends of one conversation in one queue that lie closer together than this are the same end.
SAME_END_MS = 5 * 60 * 1000


@dataclass(slots=True)
class _Arrived:
    """One end, and every message of the batch that tells of it."""

    first: Accepted
    messages: list[Message] = field(default_factory=list)

    def is_told_by(self, other: Accepted) -> bool:
        apart = abs(other.ended_at_ms - self.first.ended_at_ms)
        return apart <= SAME_END_MS or not other.dated


def process(
    messages: Iterable[Message],
    *,
    queue_ids: Collection[str],
    intake: Intake,
    act: Callable[[ConversationEnd], None],
    context: InvocationContext,
    now_ms: Callable[[], int],
) -> Report:
    """Process a batch and return what became of each message.

    Poison goes to the dead-letter queue first; then each distinct end is delivered, whatever
    became of the one before; failed messages are delayed. When less than `REPORT_RESERVE`
    seconds are left of the invocation, what has not been begun is failed for want of time.

    Parameters
    ----------
    queue_ids
        Our queues; ends in others are ignored.
    act
        The destination: returns when an end has arrived, raises when it has not.
    context
        Lambda's, for the time left.
    now_ms
        The time in epoch milliseconds.
    """
    deadline = Deadline.before_timeout_of(context, REPORT_RESERVE)
    report = Report()
    poison: list[tuple[Message, Rejected]] = []
    arrived: dict[tuple[str, str], list[_Arrived]] = {}
    for message in messages:
        if deadline.passed():
            report.outcomes.append(Outcome(message, "failed", "no_time"))
            continue
        match parse(message.body, message.sent_at_ms, queue_ids):
            case Rejected() as rejected:
                poison.append((message, rejected))
            case Ignored(reason):
                report.outcomes.append(Outcome(message, "ignored", reason))
            case Accepted() as accepted:
                _note(arrived, accepted, message)

    report.outcomes += intake.reject(poison, deadline)
    for ends in arrived.values():
        for end in ends:
            _deliver(end, act, deadline, now_ms, report)
    intake.delay(report.of_kind("failed"), Deadline.before_timeout_of(context, ANSWER_RESERVE))
    return report


def _note(
    arrived: dict[tuple[str, str], list[_Arrived]], accepted: Accepted, message: Message
) -> None:
    ends = arrived.setdefault((accepted.end.conversation_id, accepted.end.queue_id), [])
    for end in ends:
        if end.is_told_by(accepted):
            end.messages.append(message)
            return
    ends.append(_Arrived(accepted, [message]))


def _deliver(
    arrived: _Arrived,
    act: Callable[[ConversationEnd], None],
    deadline: Deadline,
    now_ms: Callable[[], int],
    report: Report,
) -> None:
    """Deliver one end; the messages that repeat it share its fate, so that none is lost."""
    left = deadline.left()
    if left <= 0:
        report.outcomes += [Outcome(m, "failed", "no_time") for m in arrived.messages]
        return
    end = arrived.first.end
    try:
        with interrupted_after(min(CALL_LIMIT, left)):
            act(end)
    except KeyboardInterrupt:  # somebody stops a local run
        raise
    except BaseException as error:  # noqa: BLE001 - the user's code: this end fails, whatever it is
        report.delivery_failures += 1
        detail = _where(error)
        report.outcomes += [Outcome(m, "failed", "destination", detail) for m in arrived.messages]
        return
    first, *repeats = arrived.messages
    report.outcomes.append(Outcome(first, "processed"))
    report.outcomes += [Outcome(message, "duplicate") for message in repeats]
    report.ended.append(Ended(end.queue_id, max(0, now_ms() - arrived.first.ended_at_ms)))


def _where(error: BaseException) -> str:
    """Return an error's type and its place in the action; its text could quote what is private."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f for f in reversed(frames) if "/destinations/" in f.filename), frames[-1])
    return f"{type(error).__name__} at {place.filename.rpartition('/')[2]}:{place.lineno}"
