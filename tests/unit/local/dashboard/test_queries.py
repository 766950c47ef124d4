"""The part of the Logs Insights query language that the dashboard's tables need."""

import json
from typing import Any

import pytest

from local.dashboard.queries import MAX_ROWS, Table, UnknownQuery, run_query


def event(at: int, **line: Any) -> dict[str, Any]:
    return {"timestamp": at, "message": json.dumps(line), "logStreamName": "one", "eventId": at}


EVENTS = [
    event(1_000, message="Message", outcome="failed", reason="ledger", receives=9),
    event(2_000, message="Message", outcome="rejected", reason="not_json", receives=1),
    event(3_000, message="Message", outcome="failed", reason="destination", receives=10),
    event(4_000, message="Batch", received=7, reasons={"failed.destination": 2}),
    {"timestamp": 5_000, "message": "END RequestId: 1", "logStreamName": "one", "eventId": 5},
    event(6_000, message="Message", outcome="failed", reason="destination", receives=2),
]


def column(query: str, events: list[dict[str, Any]] | None = None) -> list[Any]:
    return [row[0] for row in run_query(query, EVENTS if events is None else events).rows]


def test_the_newest_line_comes_first_unless_the_query_sorts() -> None:
    messages = 'fields receives | filter message = "Message"'

    assert column(messages) == [2, 10, 1, 9]
    assert column(f"{messages} | sort @timestamp") == [9, 1, 10, 2]


def test_times_have_the_format_of_cloudwatch() -> None:
    assert column("fields @timestamp | limit 1") == ["1970-01-01 00:00:06.000"]


@pytest.mark.parametrize(
    ("condition", "receives"),
    [
        ('outcome = "failed"', [2, 10, 9]),
        ("outcome = 'failed'", [2, 10, 9]),
        ('outcome != "failed"', [1]),
        ("receives = 10", [10]),
        ("receives != 10", [2, 1, 9]),
        ('outcome = "failed" and receives != 9', [2, 10]),
        ('outcome = "failed" | filter receives = 9', [9]),
        ('outcome = "nowhere"', []),
        ('nothing = "failed"', []),
        ('nothing != "failed"', []),
        ('reason = "a|b"', []),
    ],
)
def test_a_filter_lets_through_the_lines_for_which_it_holds(
    condition: str, receives: list[int]
) -> None:
    assert column(f'fields receives | filter message = "Message" | filter {condition}') == receives


def test_a_query_over_several_lines_is_one_query() -> None:
    found = run_query(
        'fields @timestamp, reason\n| filter outcome = "rejected"\n| limit 5\n', EVENTS
    )

    assert found == Table(("@timestamp", "reason"), (("1970-01-01 00:00:02.000", "not_json"),))


def test_lines_are_counted_by_field() -> None:
    found = run_query(
        'filter message = "Message" | stats count(*) as n by outcome, reason | sort n desc, reason',
        EVENTS,
    )

    assert found.columns == ("outcome", "reason", "n")
    assert found.rows == (
        ("failed", "destination", 2),
        ("failed", "ledger", 1),
        ("rejected", "not_json", 1),
    )


def test_a_count_without_a_name_is_called_by_its_expression() -> None:
    assert run_query("stats count(*)", EVENTS) == Table(("count(*)",), ((6,),))


def test_numbers_are_sorted_by_size_and_a_missing_one_is_least() -> None:
    assert column("fields receives | sort receives desc | limit 4") == [10, 9, 2, 1]
    assert column("fields receives | sort receives asc | limit 3") == [None, None, 1]


def test_lines_are_sorted_by_the_first_field_before_the_second() -> None:
    messages = 'fields reason | filter message = "Message" | sort outcome desc, receives desc'

    assert column(messages) == ["not_json", "destination", "ledger", "destination"]


def test_nested_values_are_fields_too() -> None:
    events = [event(1, found=[{"is": "a"}, "b"], reasons={"failed": {"ledger": 3}})]

    assert column("fields found.0.is", events) == ["a"]
    assert column("fields found.1", events) == ["b"]
    assert column("fields reasons.failed.ledger as n", events) == [3]


def test_fields_commands_add_up_and_can_rename() -> None:
    assert run_query("fields outcome | fields reason as why", EVENTS).columns == ("outcome", "why")


def test_a_query_without_a_limit_has_the_default_of_cloudwatch() -> None:
    line = {"timestamp": 0, "message": "a line"}

    assert len(run_query("fields @timestamp", [line] * (MAX_ROWS + 1)).rows) == MAX_ROWS


@pytest.mark.parametrize(
    "query",
    [
        "parse @message 'a *' as b",
        "fields concat(a, b)",
        'filter outcome = "a" or outcome = "b"',
        'filter not outcome = "a"',
        'filter outcome = "a',
        'filter outcome like "a"',
        "filter (receives = 1)",
        "filter receives",
        "filter receives = reason",
        "filter receives > 1",
        "stats avg(receives)",
        "stats count(*) by bin(5m)",
        "stats count(reason)",
        "dedup reason",
        "sort receives sideways",
        "limit many",
        "fields reason;",
        "fields reason | ",
        "",
    ],
)
def test_an_unknown_query_is_an_error_and_no_empty_table(query: str) -> None:
    with pytest.raises(UnknownQuery, match="the page cannot answer"):
        run_query(query, EVENTS)
