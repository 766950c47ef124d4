"""The stack's CloudWatch dashboard, and what its queries find, as one page that loads nothing."""
