"""The user's function is called for each end, and its failures affect only that end."""

import asyncio
import functools
import operator
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import destinations.actions
import time_limit
from conversations.end import ConversationEnd
from destinations import call_actions
from destinations.call_actions import Actions, make_destination
from destinations.destination import Receipt
from tests.bodies import CANARY
from tests.fakes.clock import Clock
from tests.fakes.ends import make_end

Action = Callable[[ConversationEnd], object]


@pytest.fixture(autouse=True)
def _alarm_is_restored() -> Iterator[None]:
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_actions(action: Action) -> Actions:
    return Actions(action)  # type: ignore[arg-type]


def raising_action(error: BaseException) -> Action:
    def action(_end: ConversationEnd) -> None:
        raise error

    return action


def only_for(conversation_id: str, action: Action) -> Action:
    """Return an action that calls `action` only for the ends of one conversation."""
    return lambda end: action(end) if end.conversation_id == conversation_id else None


def test_the_function_in_the_user_s_file_is_called_for_each_end(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    handled: list[ConversationEnd] = []
    monkeypatch.setattr(destinations.actions, "on_conversation_end", handled.append)
    destination = make_destination({})
    ends = [make_end("c-0"), make_end("c-1")]
    assert destination.name == "actions"
    assert list(destination.deliver(ends, clock.deadline(9))) == [
        Receipt(0, "arrived"),
        Receipt(1, "arrived"),
    ]
    assert handled == ends


def test_an_end_s_receipt_is_yielded_before_the_next_end_is_started(clock: Clock) -> None:
    handled: list[ConversationEnd] = []
    ends = [make_end("c-0"), make_end("c-1")]
    receipts = make_actions(handled.append).deliver(ends, clock.deadline(9))
    assert handled == []
    assert next(receipts) == Receipt(0, "arrived")
    assert handled == ends[:1]


class Stop(BaseException):
    pass


def recurse(end: ConversationEnd) -> None:
    recurse(end)


@pytest.mark.parametrize(
    "action",
    [
        raising_action(ValueError("bad")),
        raising_action(TimeoutError()),
        raising_action(SystemExit(0)),
        raising_action(MemoryError()),
        raising_action(ExceptionGroup("many", [ValueError("bad")])),
        raising_action(StopIteration()),
        raising_action(GeneratorExit()),
        raising_action(asyncio.CancelledError()),
        raising_action(Stop()),
        recurse,
    ],
    ids=[
        "ValueError",
        "TimeoutError",
        "SystemExit",
        "MemoryError",
        "ExceptionGroup",
        "StopIteration",
        "GeneratorExit",
        "CancelledError",
        "a BaseException subclass",
        "an infinite recursion",
    ],
)
def test_an_action_that_raises_fails_only_its_end(clock: Clock, action: Action) -> None:
    ends = [make_end("before"), make_end("bad"), make_end("after")]
    receipts = list(make_actions(only_for("bad", action)).deliver(ends, clock.deadline(9)))
    assert [(receipt.position, receipt.kind) for receipt in receipts] == [
        (0, "arrived"),
        (1, "failed"),
        (2, "arrived"),
    ]


def test_ctrl_c_in_an_action_stops_the_run(clock: Clock) -> None:
    receipts = make_actions(raising_action(KeyboardInterrupt())).deliver(
        [make_end()], clock.deadline(9)
    )
    with pytest.raises(KeyboardInterrupt):
        next(receipts)


@pytest.mark.parametrize(
    ("raising_line", "detail"),
    [
        ("raise LookupError(end.queue_name)", "LookupError at actions.py:4"),
        ("json.loads(end.queue_name)", "JSONDecodeError at actions.py:4"),
        ("partial(json.loads, end.queue_name)()", "JSONDecodeError at actions.py:4"),
        ("(lambda:\n     json.loads(end.queue_name))()", "JSONDecodeError at actions.py:5"),
        ("exec('raise ValueError(end)')", "ValueError at actions.py:4"),
    ],
)
def test_a_failure_s_detail_has_only_the_error_s_type_and_the_action_s_line(
    clock: Clock, raising_line: str, detail: str
) -> None:
    source = f"import json\nfrom functools import partial\ndef act(end):\n    {raising_line}\n"
    module: dict[str, Any] = {}
    exec(compile(source, "/var/task/destinations/actions.py", "exec"), module)  # noqa: S102
    receipts = list(make_actions(module["act"]).deliver([make_end(name=CANARY)], clock.deadline(9)))
    assert receipts == [Receipt(0, "failed", detail)]


@pytest.mark.parametrize(
    "action",
    [operator.methodcaller(CANARY), functools.partial(operator.getitem, b=CANARY), CANARY],
    ids=["built-in", "partial", "not callable"],
)
def test_the_detail_for_an_action_without_source_lines_names_our_line(
    clock: Clock, action: Any
) -> None:
    (receipt,) = make_actions(action).deliver([make_end()], clock.deadline(9))
    assert receipt.kind == "failed"
    assert re.fullmatch(r"\w+Error at call_actions\.py:\d+", receipt.detail)


def test_the_detail_for_a_failure_outside_the_user_s_file_names_the_place_that_raised(
    clock: Clock,
) -> None:
    module: dict[str, Any] = {}
    exec(compile("def act(end):\n    raise KeyError", "/var/task/crm.py", "exec"), module)  # noqa: S102
    receipts = list(make_actions(module["act"]).deliver([make_end()], clock.deadline(9)))
    assert receipts == [Receipt(0, "failed", "KeyError at crm.py:2")]


@pytest.mark.parametrize(("left", "limit"), [(900, 10), (10.5, 10), (5, 5)])
def test_an_action_may_take_ten_seconds_or_the_time_left(
    clock: Clock, time_limits: list[float], left: float, limit: float
) -> None:
    list(make_actions(lambda _: None).deliver([make_end()], clock.deadline(left)))
    assert time_limits == [limit]


def test_when_time_runs_out_the_remaining_ends_are_not_tried(clock: Clock) -> None:
    handled: list[ConversationEnd] = []

    def act(end: ConversationEnd) -> None:
        handled.append(end)
        clock.sleep(4)

    ends = [make_end(f"c-{number}") for number in range(5)]
    receipts = list(make_actions(act).deliver(ends, clock.deadline(12)))
    assert receipts == [Receipt(position, "arrived") for position in range(3)]
    assert handled == ends[:3]
    assert list(make_actions(act).deliver(ends, clock.deadline(0))) == []


def test_an_action_that_hangs_is_interrupted_and_the_next_one_is_called(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(_end: ConversationEnd) -> None:
        monkeypatch.undo()  # the next action has the usual time limit
        time.sleep(60)

    monkeypatch.setattr(call_actions, "CALL_SECONDS", 0.05)
    receipts = list(
        make_actions(only_for("hangs", hang)).deliver(
            [make_end("hangs"), make_end("next")], clock.deadline(30)
        )
    )
    assert [receipt.kind for receipt in receipts] == ["failed", "arrived"]
    assert receipts[0].detail.startswith("TimeoutError at ")


def test_an_action_that_swallows_its_interruption_is_interrupted_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(_end: ConversationEnd) -> None:
        with suppress(TimeoutError):
            time.sleep(60)
        time.sleep(60)

    monkeypatch.setattr(time_limit, "_REPEAT_SECONDS", 0.05)
    (receipt,) = make_actions(hang).deliver([make_end()], clock.deadline(0.05))
    assert receipt.kind == "failed"
