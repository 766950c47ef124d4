"""The stack's CloudWatch dashboard and its data as one page that loads nothing."""
