"""CloudWatch offline: metrics from log lines, queue depths, and the state of alarms."""
