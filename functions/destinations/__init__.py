"""The destinations, which receive the ends."""
