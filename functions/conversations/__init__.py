"""The domain: ends of conversations in queues, parsed from messages and claimed in the ledger."""
