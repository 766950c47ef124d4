"""The reader of each delivery's messages, chosen once."""

from collections.abc import Callable, Collection

from conversations.end_rules import make_end_rule
from conversations.histories import Histories
from conversations.parsed import Rejected
from conversations.partner_event import parse_partner_event
from conversations.subscription_event import parse_subscription_event
from worker.intake_queue import IntakeQueue
from worker.messages import Parsed, Reader
from worker.variables import WorkerVariables


def reader(variables: WorkerVariables, histories: Histories, intake: IntakeQueue) -> Reader:
    """Return the reader of the stack's messages."""
    return _READERS[variables.delivery](variables, histories, intake)


def parse_either_event(body: str, sent_at_ms: int, queue_ids: Collection[str]) -> Parsed:
    """Return the partner event in a body, or an end that the subscription sent.

    A stack that changes from the subscription to the integration still has the subscription's
    messages in its queue.
    """
    parsed = parse_partner_event(body, sent_at_ms, queue_ids)
    if not _lacks_event_type(parsed):
        return parsed
    former = parse_subscription_event(body, sent_at_ms, queue_ids)
    return parsed if _lacks_event_type(former) else former


def _lacks_event_type(parsed: Parsed) -> bool:
    return isinstance(parsed, Rejected) and parsed.reason == "missing_event_type"


def _subscription_reader(variables: WorkerVariables, *_: object) -> Reader:
    return Reader(_queue_ids(variables), parse_subscription_event)


def _eventbridge_reader(
    variables: WorkerVariables, histories: Histories, intake: IntakeQueue
) -> Reader:
    rule = make_end_rule(variables.end_rule, histories, intake.send_later)
    return Reader(_queue_ids(variables), parse_either_event, rule)


def _queue_ids(variables: WorkerVariables) -> frozenset[str]:
    return frozenset(variables.queue_ids.split(","))


_READERS: dict[str, Callable[[WorkerVariables, Histories, IntakeQueue], Reader]] = {
    "subscription": _subscription_reader,
    "eventbridge": _eventbridge_reader,
}
