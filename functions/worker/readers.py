"""Creates the message reader for the stack's delivery."""

from collections.abc import Callable, Collection, Mapping

from conversations.end_rules.registry import make_end_rule
from conversations.histories import Histories
from conversations.parsed import Rejected
from conversations.partner_event import parse_partner_event
from conversations.subscription_event import parse_subscription_event
from worker.intake_queue import IntakeQueue
from worker.messages import ParseResult, Reader
from worker.variables import WorkerVariables, queue_names_by_id


def make_reader(variables: WorkerVariables, histories: Histories, intake: IntakeQueue) -> Reader:
    """Return a reader for the messages of the stack's delivery."""
    return _READER_FACTORIES[variables.delivery](variables, histories, intake)


def parse_either_event(body: str, sent_at_ms: int, queue_ids: Collection[str]) -> ParseResult:
    """Parse a body as a partner event, or else as a subscription event.

    When a stack changes from the subscription to the integration, its intake queue may still
    contain subscription events. The two parsers read the event type from different fields. A body
    with neither field is rejected as a partner event.
    """
    partner_result = parse_partner_event(body, sent_at_ms, queue_ids)
    if not _lacks_event_type(partner_result):
        return partner_result
    subscription_result = parse_subscription_event(body, sent_at_ms, queue_ids)
    return partner_result if _lacks_event_type(subscription_result) else subscription_result


def _lacks_event_type(result: ParseResult) -> bool:
    return isinstance(result, Rejected) and result.reason == "missing_event_type"


def _make_subscription_reader(variables: WorkerVariables, *_: object) -> Reader:
    return Reader(
        _queue_ids(variables), parse_subscription_event, queue_names=_queue_names(variables)
    )


def _make_eventbridge_reader(
    variables: WorkerVariables, histories: Histories, intake: IntakeQueue
) -> Reader:
    rule = make_end_rule(variables.end_rule, histories, intake.send_later)
    return Reader(
        _queue_ids(variables), parse_either_event, rule, queue_names=_queue_names(variables)
    )


def _queue_ids(variables: WorkerVariables) -> frozenset[str]:
    return frozenset(variables.queue_ids.split(","))


def _queue_names(variables: WorkerVariables) -> Mapping[str, str]:
    return queue_names_by_id(variables.queue_ids, variables.queue_names)


_READER_FACTORIES: dict[str, Callable[[WorkerVariables, Histories, IntakeQueue], Reader]] = {
    "subscription": _make_subscription_reader,
    "eventbridge": _make_eventbridge_reader,
}
