"""The subscription's filter: derived safely from queue ids, or tried before it is deployed."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import checks
from infra.settings.attribute_filter import (
    TrialResult,
    derive_filter,
    evaluate,
    sample_attributes,
    try_filter,
    try_filter_in_subprocess,
)
from tests.unit.infra.conftest import (
    FILTER_TIMEOUT_SECONDS,
    OTHER_QUEUE,
    QUEUE,
    FindMistakes,
    LoadSettings,
)

QUEUE_IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
HOSTILE_STRINGS = st.text(alphabet="a1-_'\"`\\,][)(=$/* \n\x00é", min_size=1, max_size=20)


def test_one_queue_gives_a_comparison() -> None:
    assert derive_filter([QUEUE]) == f"queueId = '{QUEUE}'"


def test_several_queues_give_a_list() -> None:
    assert derive_filter([QUEUE, OTHER_QUEUE]) == f"queueId in ['{QUEUE}', '{OTHER_QUEUE}']"


@settings(max_examples=25)
@given(ids=st.lists(QUEUE_IDS, min_size=1, max_size=5, unique=True), other_id=QUEUE_IDS)
def test_the_derived_filter_passes_its_queues_and_no_other(ids: list[str], other_id: str) -> None:
    expression = derive_filter(ids)
    assert all(evaluate(expression, sample_attributes(queue_id)) is True for queue_id in ids)
    passes = evaluate(expression, sample_attributes(other_id))
    assert passes is (other_id in ids)


@settings(max_examples=100)
@given(ids=st.lists(HOSTILE_STRINGS | QUEUE_IDS, min_size=1, max_size=3, unique=True))
def test_no_accepted_queue_id_can_break_out_of_the_derived_filter(ids: list[str]) -> None:
    try:
        accepted = checks.queue_ids(ids)
    except ValueError:
        return
    other_id = "no-such-queue-id-of-more-characters-than-an-accepted-one-can-have!"
    assert evaluate(derive_filter(accepted), sample_attributes(other_id)) is False
    assert try_filter(derive_filter(accepted), accepted).mismatches == {}


def test_the_problem_names_the_error_and_its_position() -> None:
    assert try_filter("exists(queue)", ["Q"]).problem == (
        "Attempted to invoke a non-function. Did you mean $exists? (at character 7)."
    )
    assert (
        try_filter("queueId =", ["Q"]).problem == "Unexpected end of expression (at character 9)."
    )
    assert try_filter("queueId == 'Q'", ["Q"]).problem == (
        "The symbol = cannot be used as a unary operator (at character 10)."
    )


@pytest.mark.parametrize(
    ("runaway", "seconds", "problem"),
    [
        pytest.param("($f := function(){$f()}; $f())", 0.1, "Evaluation timeout", id="endless"),
        pytest.param(
            "($f := function($n){1 + $f($n)}; $f(1))",
            FILTER_TIMEOUT_SECONDS,
            "Stack overflow.",
            id="too deep",
        ),
        pytest.param(
            "$pad('x', 2000000000)",
            FILTER_TIMEOUT_SECONDS,
            "MemoryError.",
            id="too large",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no memory limit"),
        ),
        pytest.param("(" * 30_000, FILTER_TIMEOUT_SECONDS, "", id="too nested"),
    ],
)
def test_an_expression_that_overloads_the_evaluator_is_a_problem_and_does_not_hang(
    runaway: str, seconds: float, problem: str
) -> None:
    result = try_filter_in_subprocess(
        runaway, [QUEUE], timeout_seconds=FILTER_TIMEOUT_SECONDS, max_seconds_per_event=seconds
    )
    assert result.problem
    assert result.problem.startswith(problem)


def test_an_evaluator_that_does_not_return_is_killed() -> None:
    """Within a regular expression the evaluator checks no clock, and Python handles no signal."""
    runaway = "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a+)+$/)"
    result = try_filter_in_subprocess(runaway, [QUEUE], timeout_seconds=0.5)
    assert result.problem == "it was not evaluated within 0.5 s. Does it repeat without end?"


def test_a_long_chain_of_conditions_stays_within_the_limits() -> None:
    chain = " or ".join(f"queueId = 'q{n}'" for n in range(200))
    result = try_filter_in_subprocess(
        chain,
        ["q0", "q199"],
        timeout_seconds=FILTER_TIMEOUT_SECONDS,
        max_seconds_per_event=FILTER_TIMEOUT_SECONDS,
    )
    assert result == TrialResult()


def test_a_queue_whose_result_is_not_true_is_a_mismatch() -> None:
    result = try_filter(f"queueId = '{QUEUE}'", [QUEUE, OTHER_QUEUE])
    assert (result.problem, result.mismatches) == (None, {OTHER_QUEUE: "false"})
    assert try_filter("queueId", ["Q"]).mismatches == {"Q": '"Q"'}
    assert try_filter("missing", ["Q"]).mismatches == {"Q": "null"}
    assert try_filter("function(){1}", ["Q"]).mismatches == {"Q": '"a function"'}


def test_a_filter_may_use_every_attribute_of_an_event() -> None:
    expression = (
        "queue.name = 'Support Queue' and 'acd' in participants.purpose "
        "and metrics[name = 'tTalk'].value > 1000 and $exists(conversationId)"
    )
    assert try_filter(expression, ["Q"]).mismatches == {}


def test_a_failing_filter_is_reported_with_the_other_mistakes(
    find_mistakes: FindMistakes,
) -> None:
    failing = "exists(queue) and queue.id = 'Q'"
    found = find_mistakes(
        f'queue_ids = ["{QUEUE}"]\nattribute_filter = "{failing}"', batch_size="0"
    )
    assert len(found) == 2
    assert found[1].startswith(
        f'attribute_filter = "{failing}": Attempted to invoke a non-function.'
    )
    assert found[1].endswith(f"This works: queueId = '{QUEUE}'")


def test_a_working_filter_replaces_the_derived_filter(
    load_settings: LoadSettings,
) -> None:
    expression = f"$exists(queue) and queue.id = '{QUEUE}'"
    chosen, warnings = load_settings(attribute_filter=expression)
    assert chosen.filter_expression == expression
    assert warnings == []


def test_a_filter_is_not_tried_if_the_queue_ids_are_invalid(
    find_mistakes: FindMistakes,
) -> None:
    assert len(find_mistakes(queue_ids="a b", attribute_filter="(")) == 1
