"""CloudWatch offline: metrics from log lines, queue depths, alarms and Logs Insights."""
