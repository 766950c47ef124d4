"""The function behind the intake queue: it processes a batch and returns the messages to retry."""
