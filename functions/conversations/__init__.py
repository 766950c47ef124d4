"""The domain: from a message body to the end of a conversation in a queue."""
