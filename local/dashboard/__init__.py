"""Renders the stack's CloudWatch dashboard, with its data, as an HTML page that works offline."""
