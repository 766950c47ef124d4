"""The monitoring of a stack: metrics, alarms and the dashboard."""
