"""The filter of the subscription: derived safely, and tried before it is deployed."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import checks
from infra.settings.attribute_filter import (
    Trial,
    derived,
    evaluate,
    guarded_trial,
    sample_attributes,
    trial,
)
from tests.unit.infra.conftest import OTHER, PATIENCE, QUEUE, Load, Mistakes

QUEUE_IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
HOSTILE_TEXTS = st.text(alphabet="a1-_'\"`\\,][)(=$/* \n\x00é", min_size=1, max_size=20)


def test_one_queue_gives_exactly_the_filter_of_the_tutorial() -> None:
    assert derived([QUEUE]) == f"queueId = '{QUEUE}'"


def test_several_queues_give_a_list() -> None:
    assert derived([QUEUE, OTHER]) == f"queueId in ['{QUEUE}', '{OTHER}']"


@settings(max_examples=25)
@given(ids=st.lists(QUEUE_IDS, min_size=1, max_size=5, unique=True), stranger=QUEUE_IDS)
def test_the_derived_filter_passes_its_queues_and_no_other(ids: list[str], stranger: str) -> None:
    expression = derived(ids)
    assert all(evaluate(expression, sample_attributes(queue_id)) is True for queue_id in ids)
    passes = evaluate(expression, sample_attributes(stranger))
    assert passes is (stranger in ids)


@settings(max_examples=100)
@given(ids=st.lists(HOSTILE_TEXTS | QUEUE_IDS, min_size=1, max_size=3, unique=True))
def test_no_accepted_queue_id_can_break_out_of_the_derived_filter(ids: list[str]) -> None:
    try:
        accepted = checks.queue_ids(ids)
    except ValueError:
        return
    stranger = "no-such-queue-id-of-more-characters-than-an-accepted-one-can-have!"
    assert evaluate(derived(accepted), sample_attributes(stranger)) is False
    assert trial(derived(accepted), accepted).unmatched == {}


def test_the_problem_says_what_and_where() -> None:
    assert trial("exists(queue)", ["Q"]).problem == (
        "Attempted to invoke a non-function. Did you mean $exists? (at character 7)."
    )
    assert trial("queueId =", ["Q"]).problem == "Unexpected end of expression (at character 9)."
    assert trial("queueId == 'Q'", ["Q"]).problem == (
        "The symbol = cannot be used as a unary operator (at character 10)."
    )


@pytest.mark.parametrize(
    ("runaway", "seconds", "problem"),
    [
        pytest.param("($f := function(){$f()}; $f())", 0.1, "Evaluation timeout", id="endless"),
        pytest.param(
            "($f := function($n){1 + $f($n)}; $f(1))", PATIENCE, "Stack overflow.", id="too deep"
        ),
        pytest.param(
            "$pad('x', 2000000000)",
            PATIENCE,
            "MemoryError.",
            id="too large",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory there"),
        ),
        pytest.param("(" * 30_000, PATIENCE, "", id="too nested"),
    ],
)
def test_an_expression_that_is_too_much_for_the_evaluator_is_a_mistake_not_a_hang(
    runaway: str, seconds: float, problem: str
) -> None:
    found = guarded_trial(runaway, [QUEUE], seconds=PATIENCE, seconds_an_event=seconds)
    assert found.problem
    assert found.problem.startswith(problem)


def test_an_evaluator_that_does_not_come_back_is_ended() -> None:
    """Within a regular expression the evaluator looks at no clock, and no signal is handled."""
    runaway = "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a+)+$/)"
    found = guarded_trial(runaway, [QUEUE], seconds=0.5)
    assert found.problem == "it was not evaluated within 0.5 s. Does it repeat without end?"


def test_a_long_chain_of_conditions_is_no_runaway() -> None:
    chain = " or ".join(f"queueId = 'q{n}'" for n in range(200))
    found = guarded_trial(chain, ["q0", "q199"], seconds=PATIENCE, seconds_an_event=PATIENCE)
    assert found == Trial()


def test_a_filter_passes_by_true_alone_and_the_queues_that_fail_are_named() -> None:
    found = trial(f"queueId = '{QUEUE}'", [QUEUE, OTHER])
    assert (found.problem, found.unmatched) == (None, {OTHER: "false"})
    assert trial("queueId", ["Q"]).unmatched == {"Q": '"Q"'}
    assert trial("missing", ["Q"]).unmatched == {"Q": "null"}
    assert trial("function(){1}", ["Q"]).unmatched == {"Q": '"a function"'}


def test_a_filter_may_look_at_every_part_of_an_event() -> None:
    expression = (
        "queue.name = 'Support Queue' and 'acd' in participants.purpose "
        "and metrics[name = 'tTalk'].value > 1000 and $exists(conversationId)"
    )
    assert trial(expression, ["Q"]).unmatched == {}


def test_a_bad_filter_stops_the_settings_with_the_other_mistakes(
    mistakes: Mistakes,
) -> None:
    bad = "exists(queue) and queue.id = 'Q'"
    found = mistakes(f'queue_ids = ["{QUEUE}"]\nattribute_filter = "{bad}"', batch_size="0")
    assert len(found) == 2
    assert found[1].startswith(f'attribute_filter = "{bad}": Attempted to invoke a non-function.')
    assert found[1].endswith(f"This works: queueId = '{QUEUE}'")


def test_a_good_filter_replaces_the_derived_one(
    loaded: Load,
) -> None:
    expression = f"$exists(queue) and queue.id = '{QUEUE}'"
    chosen, warnings = loaded(attribute_filter=expression)
    assert chosen.filter_expression == expression
    assert warnings == []


def test_a_filter_is_not_tried_while_the_queue_ids_are_wrong(
    mistakes: Mistakes,
) -> None:
    assert len(mistakes(queue_ids="a b", attribute_filter="(")) == 1
