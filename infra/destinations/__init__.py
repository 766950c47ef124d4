"""The destinations' parts in AWS."""
