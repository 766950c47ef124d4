"""The alarms and the dashboard, and the metrics that they show."""
