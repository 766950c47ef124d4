"""The worker, and what people would use instead of it."""
