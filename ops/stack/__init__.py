"""Reads the parts of a deployed stack: its resources, its queues and its ledger."""
