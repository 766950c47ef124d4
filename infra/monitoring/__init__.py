"""The alarms, the dashboard, and their metrics."""
