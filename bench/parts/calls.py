"""Calls to AWS, and the units that AWS bills, for a thousand ends."""

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench.calls.run import MEMORY_MB, measure_scenario
from bench.calls.scenarios import scenarios
from bench.contenders.setup import LATENCY_SECONDS
from bench.part import Part, Table

NAMES = {
    "ours": "Queue Ends",
    "idempotent": "Powertools batch + idempotency",
    "poller": "polling worker",
}
"""Keyed by contender: its name in tables."""


def measure() -> dict[str, Any]:
    """Run each scenario in a process of its own, because the worker reads its environment."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        rows = [row for rows in pool.map(measure_scenario, scenarios()) for row in rows]
    return {"rows": rows, "memory_mb": MEMORY_MB, "latency_seconds": LATENCY_SECONDS}


def tables(results: Mapping[str, Any]) -> list[Table]:
    """Return a table for each delivery."""
    return [_table(delivery, results["rows"]) for delivery in ("subscription", "eventbridge")]


def _table(delivery: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = [row for row in rows if row["delivery"] == delivery]
    return Table(
        title=f"Calls and billed units per 1,000 ends, delivery {delivery}",
        header=(
            "contender",
            *(["end rule"] if delivery == "eventbridge" else []),
            "destinations",
            "batch",
            "messages",
            "calls",
            "write units",
            "read units",
            "events put",
            "SQS requests",
            "GB-seconds",
            "log KB",
            "own log KB",
        ),
        rows=[_cells(row) for row in shown],
        note=_NOTES[delivery],
    )


def _cells(row: Mapping[str, Any]) -> list[str | float]:
    units = row["units_per_1000_ends"]
    return [
        NAMES[row["contender"]],
        *([row["end_rule"]] if row["end_rule"] else []),
        ", ".join(row["destinations"]),
        row["batch"],
        row["messages_per_1000_ends"],
        sum(row["calls_per_1000_ends"].values()),
        units["dynamodb_write_units"],
        units["dynamodb_read_units"],
        units["put_events_64kb"],
        units["sqs_requests"],
        units["lambda_gb_seconds"],
        units["log_bytes"] / 1000,
        units["own_log_bytes"] / 1000,
    ]


_NOTES = {
    "subscription": (
        "Calls are those of the code itself, at botocore's event layer. SQS requests also have "
        "those of Genesys Cloud, which sends the messages, and of Lambda, which receives and "
        "deletes them in tens. The log has Lambda's own lines and those of the example action; the "
        "last column leaves both out."
    ),
    "eventbridge": (
        "A third of the conversations is in our queues. The peers decide on each event alone, as "
        "the end rule queue_leg does."
    ),
}

PART = Part("calls", measure, tables)
