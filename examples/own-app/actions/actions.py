"""The action of this app: it records each call's end in the app's own table."""

import os

import boto3

from conversations.end import ConversationEnd

from .call import as_item

table = boto3.resource("dynamodb").Table(os.environ["HANDLED_CALLS"])


def on_conversation_end(end: ConversationEnd) -> None:
    """Record the end of a call; do nothing at the end of a chat or an e-mail."""
    if end.media_type == "VOICE":
        table.put_item(Item=as_item(end))
