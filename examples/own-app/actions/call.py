"""The item that the table has for a call."""

from conversations.end import ConversationEnd


def as_item(end: ConversationEnd) -> dict[str, str]:
    """Return the item; its key is the same however often the end is delivered."""
    return {
        "end_id": end.end_id,
        "conversation_id": end.conversation_id,
        "queue_id": end.queue_id,
        "ended_at": end.ended_at,
    }
