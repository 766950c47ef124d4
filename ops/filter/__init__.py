"""The command `filter test`, which tries a filter of events."""
