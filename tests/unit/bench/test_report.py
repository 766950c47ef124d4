"""Tables and chart from given results."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.chart import chart, panels
from bench.part import Table
from bench.parts import latency, per_record
from bench.printed import as_text, cell_text

SVG = "{http://www.w3.org/2000/svg}"


def cpu_row(
    contender: str, aws: str, median: float, destinations: str = "actions"
) -> dict[str, Any]:
    times = {"median": median, "min": median - 1}
    row = {"contender": contender, "destinations": destinations, "aws": aws, "batch": 100}
    return {**row, "rounds": 5, "cpu_us_per_end": times}


CPU: dict[str, Any] = {
    "rows": [
        cpu_row("ours", "stubbed", 30),
        cpu_row("plain", "stubbed", 10),
        cpu_row("idempotent", "stubbed", 300),
        cpu_row("idempotent", "stubbed", 400, "actions,bus"),
        cpu_row("ours", "memory", 15),
    ]
}


def test_a_table_has_a_line_for_each_row_and_numbers_end_in_one_column() -> None:
    table = Table("Ends", ("who", "ends/s"), [("ours", 1234.5), ("theirs", 2)], "A note.")

    lines = as_text(table).splitlines()

    assert lines == [
        "Ends",
        "",
        "who     ends/s",
        "------  ------",
        "ours     1,234",
        "theirs       2",
        "",
        "A note.",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (7, "7"), (12345, "12,345"), (0.0987, "0.099"), (1.234, "1.23"), (99.44, "99.4")],
)
def test_a_number_keeps_three_digits(value: str | float, text: str) -> None:
    assert cell_text(value) == text


def test_the_cpu_tables_divide_by_the_contender_that_they_name() -> None:
    with_botocore, _, in_memory, _ = per_record.PART.tables(CPU)

    assert with_botocore.header[-1] == "÷ (b)"
    assert [row[-1] for row in with_botocore.rows] == [0.1, pytest.approx(1 / 30), 1]
    assert in_memory.header[-1] == "÷ (a)"
    assert [row[-1] for row in in_memory.rows] == [1.5, 1]


def test_the_latency_table_compares_ends_per_second_of_the_same_batch() -> None:
    times = {"median": 20, "min": 10, "p99": 40}
    rows = [
        {
            "contender": contender,
            "destinations": "actions",
            "batch": batch,
            "rounds": 9,
            "batch_ms": times,
            "ends_per_second": ends,
        }
        for contender, batch, ends in (
            ("ours", 10, 90),
            ("ours", 100, 220),
            ("idempotent", 10, 10),
            ("idempotent", 100, 11),
        )
    ]

    actions, _ = latency.PART.tables({"latency_seconds": {"sqs": 0.01}, "rows": rows})

    assert [row[4] for row in actions.rows] == [9, 20, 1, 1]
    assert "sqs 10 ms" in actions.note


def test_the_chart_shows_the_parts_that_have_results() -> None:
    (panel,) = panels({"per_record": CPU, "memory": {}})

    assert [value for _, value, _ in panel.bars] == [30, 10, 300, 400]
    assert [is_ours for *_, is_ours in panel.bars] == [True, False, False, False]


def test_the_longest_bar_of_the_chart_belongs_to_the_largest_value() -> None:
    picture = ET.fromstring(chart({"CPU": "<fast>"}, {"per_record": CPU}))  # noqa: S314 - our own

    bars = [bar.get("width", "") for bar in picture.iter(f"{SVG}rect")][1:]
    assert float(bars[0]) == pytest.approx(float(bars[-1]) * 30 / 400, rel=0.01)
    assert any("<fast>" in (text.text or "") for text in picture.iter(f"{SVG}text"))
