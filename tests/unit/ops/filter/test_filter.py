"""`filter test`: which events an expression matches, and why not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.traffic.subscription import OUR_QUEUES, conversations
from ops.filter.trial import judge, try_expression
from tests.unit.ops.conftest import Ops

A, B = OUR_QUEUES
ATTRIBUTES: dict[str, Any] = {
    "queueId": A,
    "queue": {"id": A, "name": "Support"},
    "participants": [{"purpose": "agent", "queueId": A, "name": "Alex Moreau"}],
}


@pytest.fixture
def ops(make_ops: Callable[..., Ops]) -> Ops:
    return make_ops()


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluate without a subprocess, which takes half a second."""
    monkeypatch.setattr(
        "ops.filter.command.try_expression",
        lambda expression, events: [judge(expression, each) for each in events],
    )


def test_the_derived_filter_matches_our_queues_and_no_other(ops: Ops) -> None:
    result = ops.run("filter", "test", "--json")
    events = json.loads(result.stdout)["events"]
    assert [event["matches"] for event in events] == [True, True, False]
    assert f'not one of "{A}", "{B}"' in events[2]["reasons"][0]
    assert result.exit_code == 0


@pytest.mark.usefixtures("in_this_process")
def test_the_setting_is_tried_if_no_expression_is_given(ops: Ops) -> None:
    found = ops.run_json("filter", "test", "-c", f"queue_ids={A}")
    assert found["expression"] == f"queueId = '{A}'"
    assert [event["matches"] for event in found["events"]] == [True, False]


@pytest.mark.usefixtures("in_this_process")
def test_a_filter_that_misses_a_queue_of_ours_is_a_problem(ops: Ops) -> None:
    result = ops.run("filter", "test", f"queueId = '{A}'")
    assert result.exit_code == 1
    assert f"✗ sample of queue {B}: does not match" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.usefixtures("in_this_process")
def test_samples_are_made_for_the_given_queues(ops: Ops) -> None:
    found = ops.run_json("filter", "test", "queueId = 'x'", "--queue", "x", "--queue", "y")
    assert [event["matches"] for event in found["events"]] == [True, False]
    assert found["events"][1]["reasons"] == ['queueId is "y", not "x"']


def as_one(events: list[Any]) -> str:
    return json.dumps(events[0], indent=2)


def as_lines(events: list[Any]) -> str:
    return "\n".join(map(json.dumps, events))


def as_attributes(events: list[Any]) -> str:
    return json.dumps([event["attributes"] for event in events])


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("write", [as_one, as_lines, as_attributes, json.dumps])
def test_events_are_read_in_each_form(
    ops: Ops, tmp_path: Path, write: Callable[[list[Any]], str]
) -> None:
    events = [{"eventType": "event:conversation:end", "attributes": {"queueId": q}} for q in "ab"]
    file = tmp_path / "events"
    file.write_text(write(events))
    found = ops.run_json("filter", "test", "queueId = 'a'", "--events", str(file))
    expected = [True] if write is as_one else [True, False]
    assert [event["matches"] for event in found["events"]] == expected


@pytest.mark.usefixtures("in_this_process")
def test_an_event_that_does_not_match_is_no_problem_in_a_file(ops: Ops, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    bodies = [event.body for event in conversations(1, 20)]
    file.write_text("\n".join(json.dumps(body) for body in bodies))
    result = ops.run("filter", "test", f"queueId = '{A}'", "--events", str(file))
    assert "matches" in result.stdout
    assert "does not match" in result.stdout
    assert result.exit_code == 0


@pytest.mark.usefixtures("in_this_process")
def test_an_event_of_another_type_is_said_to_be_never_sent(ops: Ops, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"eventType": "event:other", "attributes": {"queueId": "a"}}))
    found = ops.run_json("filter", "test", "queueId = 'a'", "--events", str(file))
    assert "never sent" in found["events"][0]["reasons"][0]


@pytest.mark.parametrize("text", ["no JSON", "[1]", "", '{"detail-type": "x"}', "[" * 100_000])
def test_a_file_without_events_is_a_wrong_command_line(ops: Ops, tmp_path: Path, text: str) -> None:
    file = tmp_path / "events.json"
    file.write_text(text)
    assert ops.run("filter", "test", "true", "--events", str(file)).exit_code == 2


def test_a_missing_file_is_a_wrong_command_line(ops: Ops) -> None:
    assert ops.run("filter", "test", "true", "--events", "/no/such").exit_code == 2


def test_exists_without_a_dollar_parses_but_fails() -> None:
    verdict = judge(f"exists(queue) and queue.id = '{A}'", ATTRIBUTES)
    assert not verdict.matches
    assert verdict.error.startswith("it parses, but its evaluation fails")
    assert "Did you mean $exists?" in verdict.error
    assert "at character 7" in verdict.error


def test_exists_without_a_dollar_is_found_even_if_it_is_not_evaluated() -> None:
    verdict = judge("queueId = 'x' and exists(queue)", ATTRIBUTES)
    assert "write $exists(…)" in " ".join(verdict.reasons)


def test_a_syntax_error_has_its_position() -> None:
    verdict = judge("queueId == 'a'", ATTRIBUTES)
    assert verdict.error.startswith("it does not parse")
    assert "at character 10" in verdict.error


@pytest.mark.parametrize(
    ("expression", "reasons"),
    [
        ("queueId = 'x'", [f'queueId is "{A}", not "x"']),
        ("'x' = queueId", [f'queueId is "{A}", not "x"']),
        ("$.queueId = 'x'", [f'queueId is "{A}", not "x"']),
        ("queueId in ['x', 'y']", [f'queueId is "{A}", not one of "x", "y"']),
        ("queue.name = 'Sales' and mediaType = 'VOICE'",
         ['queue.name is "Support", not "Sales"', 'mediaType is absent, not "VOICE"']),
        ("$not($exists(queue))", ["queue is an object with id, name"]),
        ("$count(participants) > 1", ["participants is a list of 1"]),
        ("participants[purpose='agent'].queueId = 'x'",
         [f'participants.queueId is ["{A}"], not "x"']),
        ("queueId", [f'the result is "{A}", but only exactly true matches',
                     f'queueId is "{A}"']),
        ("nothing", ["the result is nothing, but only exactly true matches", "nothing is absent"]),
    ],
)  # fmt: skip
def test_the_reasons_have_the_values_of_the_fields(expression: str, reasons: list[str]) -> None:
    assert list(judge(expression, ATTRIBUTES).reasons) == reasons


def test_a_list_of_fifty_queues_is_shortened() -> None:
    queues = ", ".join(f"'q{number}'" for number in range(50))
    (reason,) = judge(f"queueId in [{queues}]", ATTRIBUTES).reasons
    assert reason.endswith('one of "q0", "q1", "q2" and 47 more')


def test_no_personal_data_of_objects_is_shown() -> None:
    verdict = judge("participants = 'x'", ATTRIBUTES)
    assert "Alex Moreau" not in str(verdict)


@pytest.mark.parametrize(
    "expression",
    [
        "($f := function($n) { 1 + $f($n + 1) }; $f(1))",
        "(" * 5_000 + "1" + ")" * 5_000,
        '$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /(a+)+b/)',
    ],
    ids=["recursive", "deep", "backtracking"],
)
def test_a_hostile_expression_is_an_error_and_not_a_hang(expression: str) -> None:
    (verdict,) = try_expression(expression, [ATTRIBUTES], max_seconds=1)
    assert verdict.error


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_event_with_half_a_surrogate_pair_is_shown_as_the_worker_reads_it(
    ops: Ops, tmp_path: Path, options: list[str]
) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"attributes": {"queueId": "cut \\ud83d", "number": 1e999}}')

    result = ops.run("filter", "test", f"queueId = '{A}'", "--events", str(file), *options)

    assert "cut \ufffd" in result.stdout


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("text", ["[" * 100_000, '{"attributes": NaN}'])
def test_a_file_that_is_no_json_is_a_usage_error(ops: Ops, tmp_path: Path, text: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(text)

    result = ops.run("filter", "test", f"queueId = '{A}'", "--events", str(file))

    assert "neither JSON nor JSON Lines" in result.stderr
