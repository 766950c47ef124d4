"""The cost model, and the page that shows its tables."""

import json
from typing import Any

import pytest

from bench.cost.model import dollars_per_million
from bench.cost.page import PAGE, RESULTS, render_page

PRICES: dict[str, Any] = {
    "lambda": {"million_requests": 0.2, "gb_second": 0.00001},
    "sqs": {"million_requests": 0.4},
    "dynamodb": {
        "million_write_units": 0.6,
        "million_read_units": 0.1,
        "gb_month": 0.2,
        "backup_gb_month": 0.3,
    },
    "eventbridge": {"million_events": 1.0, "million_partner_events": 2.0},
    "cloudwatch": {"log_gb": 0.5},
}
UNITS = {
    "lambda_requests": 100.0,
    "lambda_gb_seconds": 2.0,
    "sqs_requests": 1200.0,
    "dynamodb_write_units": 2000.0,
    "dynamodb_read_units": 10.0,
    "put_events_64kb": 1000.0,
    "partner_events_64kb": 500.0,
    "log_bytes": 400_000.0,
}
ROW = {
    "contender": "ours",
    "units_per_1000_ends": UNITS,
    "ledger_bytes_per_end": 900.0,
    "ledger_items_per_end": 1.0,
}


def test_a_million_ends_cost_their_units_at_the_prices() -> None:
    costs = dollars_per_million(ROW, PRICES, {"ledger_days": 30.4})

    assert costs == pytest.approx(
        {
            # A GB lies in the table for a month: 900 bytes of an item, and 100 for the index.
            "DynamoDB": 2 * 0.6 + 0.01 * 0.1 + 1 * (0.2 + 0.3),
            "Lambda": 0.1 * 0.2 + 2000 * 0.00001,
            "SQS": 1.2 * 0.4,
            "EventBridge": 1 * 1.0 + 0.5 * 2.0,
            "logs": 0.4 * 0.5,
        }
    )


def test_the_page_shows_the_tables_of_its_results_at_the_current_prices() -> None:
    page, results = PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text())

    assert render_page(page, results) == page, "run `.venv/bin/python -m bench.cost`"


def test_other_results_change_the_page() -> None:
    page, results = PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text())
    for row in results["parts"]["calls"]["rows"]:
        row["units_per_1000_ends"]["log_bytes"] *= 2

    assert render_page(page, results) != page
