"""An `actions.py` whose action does nothing."""

from conversations.end import ConversationEnd


def on_conversation_end(end: ConversationEnd) -> None:
    """Do nothing."""
