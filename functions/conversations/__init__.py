"""The domain: ends of conversations in queues, read from messages, and claimed in the ledger."""
