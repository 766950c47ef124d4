"""The stack's CloudWatch dashboard as one page that opens without a network."""
