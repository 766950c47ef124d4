"""CloudWatch offline: metrics from log lines, metrics of queues, and states of alarms."""
