"""The conversation that a command is about."""

import re
from typing import Annotated

import typer

from conversations.fields import MAX_ID_BYTES, normalize_id
from ops.errors import OpsError, Status

ConversationArgument = Annotated[
    str, typer.Argument(metavar="CONVERSATION", help="The conversation's id in Genesys Cloud.")
]


def parse_conversation_id(text: str) -> str:
    """Return a conversation's id as the ledger has it.

    Raises
    ------
    OpsError
        No conversation has such an id. Ids that begin with `#` belong to the ledger's own items.
    """
    conversation_id = normalize_id(text.strip())
    if not conversation_id or conversation_id.startswith("#"):
        raise OpsError(f"{text!r} is no conversation id.", Status.USAGE)
    if len(conversation_id.encode()) > MAX_ID_BYTES:
        raise OpsError("This conversation id is too long.", Status.USAGE)
    return conversation_id


def contains_id(text: str, conversation_id: str) -> bool:
    """Return whether a text contains an id, and not just a longer id that contains it."""
    pattern = rf"(?<![\w-]){re.escape(conversation_id)}(?![\w-])"
    return re.search(pattern, text, re.IGNORECASE) is not None
