"""The cost of ends and of a stack, from the results of the part `calls` and a table of prices."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.part import Table
from bench.parts.calls import NAMES

_HERE = Path(__file__).parent
_MILLION = 1_000_000
_DAYS_A_MONTH = 30.4
_HOURS_A_MONTH = 24 * _DAYS_A_MONTH
# DynamoDB bills this much storage for each item in addition to the item's size (see "DynamoDB item
# sizes and formats" in the DynamoDB Developer Guide).
_ITEM_OVERHEAD_BYTES = 100
_SERVICES = ("DynamoDB", "Lambda", "SQS", "EventBridge", "logs")
# Ends a second → the settings, and the size of batch that is closest to what they give.
_ADVICE = {
    1: ("batch_size 10, window 0", 1),
    10: ("batch_size 25, window 5", 10),
    100: ("batch_size 100, window 2", 25),
    1000: ("batch_size 100, window 1", 100),
}

Row = Mapping[str, Any]
"""A row of the results of the part `calls`."""


def load_prices() -> dict[str, Any]:
    """Return the content of prices.toml."""
    return tomllib.loads((_HERE / "prices.toml").read_text(encoding="utf-8"))


def load_stack() -> dict[str, Any]:
    """Return the content of stack.toml."""
    return tomllib.loads((_HERE / "stack.toml").read_text(encoding="utf-8"))


def dollars_per_million(
    row: Row, prices: Mapping[str, Any], stack: Mapping[str, Any]
) -> dict[str, float]:
    """Return what a million ends cost, keyed by service."""
    units = row["units_per_1000_ends"]
    # A million ends need so many millions of units.
    millions = {name: count / 1000 for name, count in units.items()}
    dynamodb, lambda_, eventbridge = (
        prices[name] for name in ("dynamodb", "lambda", "eventbridge")
    )
    storage_gb_months = 0.0
    if row["contender"] == "ours":  # The peers' items expire within days.
        item_bytes = row["ledger_bytes_per_end"] + (
            _ITEM_OVERHEAD_BYTES * row["ledger_items_per_end"]
        )
        storage_gb_months = item_bytes / 1000 * stack["ledger_days"] / _DAYS_A_MONTH
    return {
        "DynamoDB": millions["dynamodb_write_units"] * dynamodb["million_write_units"]
        + millions["dynamodb_read_units"] * dynamodb["million_read_units"]
        + storage_gb_months * (dynamodb["gb_month"] + dynamodb["backup_gb_month"]),
        "Lambda": millions["lambda_requests"] * lambda_["million_requests"]
        + units["lambda_gb_seconds"] * 1000 * lambda_["gb_second"],
        "SQS": millions["sqs_requests"] * prices["sqs"]["million_requests"],
        "EventBridge": millions["put_events_64kb"] * eventbridge["million_events"]
        + millions["partner_events_64kb"] * eventbridge["million_partner_events"],
        "logs": units["log_bytes"] / 1e6 * prices["cloudwatch"]["log_gb"],
    }


def dollars_a_month(
    rows: Sequence[Row], prices: Mapping[str, Any], stack: Mapping[str, Any]
) -> dict[str, float]:
    """Return what a stack costs in a month without an end, keyed by item."""
    cloudwatch = prices["cloudwatch"]
    metrics = max(row["custom_metrics"] for row in rows) + stack["watchdog_metrics"]
    minutes = 60 * _HOURS_A_MONTH
    return {
        f"{metrics} custom metrics": metrics * cloudwatch["metric_month"],
        f"{stack['alarms']} alarms, and one that joins them": stack["alarms"]
        * cloudwatch["alarm_month"]
        + stack["composite_alarms"] * cloudwatch["composite_alarm_month"],
        "the dashboard": stack["dashboards"] * cloudwatch["dashboard_month"],
        "the secret": stack["secrets"] * prices["secrets_manager"]["secret_month"],
        "Lambda's requests to an empty queue": stack["idle_receives_a_minute"]
        * minutes
        * prices["sqs"]["million_requests"]
        / _MILLION,
    }


def poller_dollars_a_month(prices: Mapping[str, Any], stack: Mapping[str, Any]) -> float:
    """Return what the host of one polling worker costs in a month."""
    host, fargate = stack["poller"], prices["fargate"]
    hourly = host["vcpus"] * fargate["vcpu_hour"] + host["gb"] * fargate["gb_hour"]
    return float(hourly * _HOURS_A_MONTH)


def cost_tables(results: Mapping[str, Any]) -> list[Table]:
    """Return the tables of costs, from the results of the part `calls`."""
    rows, prices, stack = results["rows"], load_prices(), load_stack()
    dated = f"Prices of {prices['region']}, {prices['as_of']}, without free tiers."
    return [
        _cost_table("subscription", rows, prices, stack, dated),
        _cost_table("eventbridge", rows, prices, stack, dated),
        _monthly_table(rows, prices, stack, dated),
        _rate_table(results, prices, stack),
    ]


def _cost_table(
    delivery: str,
    rows: Sequence[Row],
    prices: Mapping[str, Any],
    stack: Mapping[str, Any],
    dated: str,
) -> Table:
    """Return the table of one delivery. Each row is compared with Powertools."""
    shown = [row for row in rows if row["delivery"] == delivery]
    costs = [dollars_per_million(row, prices, stack) for row in shown]
    totals = {
        (*_work(row), row["batch"]): sum(cost.values())
        for row, cost in zip(shown, costs, strict=True)
        if row["contender"] == "idempotent"
    }
    cells: list[list[str | float]] = []
    for row, cost in zip(shown, costs, strict=True):
        total = sum(cost.values())
        peer = totals.get((*_work(row), row["batch"]))
        name = NAMES[row["contender"]]
        cells.append(
            [
                f"{name}, `{row['end_rule']}`" if row["end_rule"] else name,
                ", ".join(row["destinations"]),
                row["batch"],
                round(total, 2),
                f"{total / peer:.2f}" if peer else "",
                *(_share(cost[service], total) for service in _SERVICES),
            ]
        )
    return Table(
        title=f"Dollars per million ends, delivery {delivery}",
        header=("contender", "destinations", "batch", "total", "ratio", *_SERVICES),
        rows=cells,
        note=f"{dated} The ratio is to Powertools with the same work and batch.",
    )


def _share(dollars: float, total: float) -> str:
    return f"{dollars:.2f} ({dollars / total:.0%})" if dollars else "–"


def _work(row: Row) -> tuple[str, str]:
    return row["end_rule"], ",".join(row["destinations"])


def _monthly_table(
    rows: Sequence[Row], prices: Mapping[str, Any], stack: Mapping[str, Any], dated: str
) -> Table:
    items = dollars_a_month(rows, prices, stack)
    return Table(
        title="Dollars a month that do not depend on the number of ends",
        header=("item", "dollars a month"),
        rows=[
            *_rounded(items),
            ["Queue Ends in all", round(sum(items.values()), 2)],
            [
                "for comparison: a polling worker's host",
                round(poller_dollars_a_month(prices, stack), 2),
            ],
        ],
        note=f"{dated} A stack with the default settings and two queues.",
    )


def _rounded(items: Mapping[str, float]) -> list[list[str | float]]:
    return [[name, round(dollars, 2)] for name, dollars in items.items()]


def _rate_table(
    results: Mapping[str, Any], prices: Mapping[str, Any], stack: Mapping[str, Any]
) -> Table:
    """Return what the advice for each rate costs, with `actions` and `bus`."""
    rows, gb = results["rows"], results["memory_mb"] / 1024
    fixed = sum(dollars_a_month(rows, prices, stack).values())
    cells: list[list[str | float]] = []
    for rate, (settings, batch) in _ADVICE.items():
        ours, peer = (
            next(
                row
                for row in rows
                if (row["contender"], *_work(row), row["batch"]) == (name, "", "actions,bus", batch)
            )
            for name in ("ours", "idempotent")
        )
        millions = rate * 3600 * _HOURS_A_MONTH / _MILLION
        dollars = [
            millions * sum(dollars_per_million(row, prices, stack).values()) for row in (ours, peer)
        ]
        running = [
            rate / 1000 * row["units_per_1000_ends"]["lambda_gb_seconds"] / gb
            for row in (ours, peer)
        ]
        cells.append(
            [
                f"{rate:,}",
                settings,
                batch,
                *(round(number) for number in (fixed + dollars[0], dollars[1])),
                *(math.ceil(number) for number in running),
            ]
        )
    return Table(
        title="What a rate of ends costs, delivery subscription, destinations actions and bus",
        header=(
            "ends a second",
            "settings",
            "batch assumed",
            "dollars a month",
            "Powertools: dollars",
            "invocations at a time",
            "Powertools: invocations",
        ),
        rows=cells,
        note="The dollars of Queue Ends have those of the stack's alarms, metrics and dashboard.",
    )
