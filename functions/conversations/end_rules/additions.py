"""What events add to the histories of their conversations."""

from collections.abc import Iterable

from conversations.history import CustomerEnd, History, QueueEvent
from conversations.partner_event import PartnerEvent


def adds_to_history(event: PartnerEvent) -> bool:
    """Return whether an event has what a history records: a queue or a customer's end."""
    return event.queue_id is not None or event.ends_conversation


def collect_additions(events: Iterable[PartnerEvent]) -> dict[str, History]:
    """Return what events add to the histories, keyed by conversation id."""
    additions: dict[str, History] = {}
    for event in events:
        if event.queue_id is not None:
            addition = History(queues={event.queue_id: (to_queue_event(event),)})
        elif event.ends_conversation:
            addition = History(customer_ends={event.at_ms: _make_customer_end(event)})
        else:
            continue
        merge_into(additions, event.conversation_id, addition)
    return additions


def merge_into(histories: dict[str, History], conversation_id: str, addition: History) -> None:
    """Merge an addition into the history of a conversation in `histories`."""
    history = histories.get(conversation_id, History())
    histories[conversation_id] = history.merged_with(addition)


def to_queue_event(event: PartnerEvent) -> QueueEvent:
    """Return what a history records of an event with a queue id."""
    return QueueEvent(
        event.at_ms,
        event.topic,
        event.duration_ms,
        event.agent_talked,
        is_callback=event.media_type == "CALLBACK",
    )


def _make_customer_end(event: PartnerEvent) -> CustomerEnd:
    return CustomerEnd(
        has_own_time=event.has_own_time,
        media_type=event.media_type,
        direction=event.direction,
        disconnect_type=event.disconnect_type,
    )
