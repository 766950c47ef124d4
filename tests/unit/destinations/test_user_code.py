"""The user's function is called for each end, and whatever it does is that end's alone."""

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
from conversations.end import ConversationEnd
from deadline import time_limit
from destinations import user_code
from destinations.destination import Receipt
from destinations.user_code import Actions, destination
from tests.bodies import CANARY
from tests.fakes.clock import Clock
from tests.fakes.ends import ended

Act = Callable[[ConversationEnd], object]


@pytest.fixture(autouse=True)
def _alarm_is_as_before() -> Iterator[None]:
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


@pytest.fixture
def clock() -> Clock:
    return Clock()


def actions(does: Act) -> Actions:
    return Actions(does)  # type: ignore[arg-type]


def raising(error: BaseException) -> Act:
    def act(_end: ConversationEnd) -> None:
        raise error

    return act


def of(conversation_id: str, act: Act) -> Act:
    """Return an action that does something with the ends of one conversation."""
    return lambda end: act(end) if end.conversation_id == conversation_id else None


def test_the_function_in_the_user_s_file_is_called_for_each_end(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    acted: list[ConversationEnd] = []
    monkeypatch.setattr(destinations.actions, "on_conversation_end", acted.append)
    to_user = destination({})
    ends = [ended("c-0"), ended("c-1")]
    assert to_user.name == "actions"
    assert list(to_user.deliver(ends, clock.deadline(9))) == [
        Receipt(0, "arrived"),
        Receipt(1, "arrived"),
    ]
    assert acted == ends


def test_an_end_s_receipt_is_known_before_the_next_one_is_begun(clock: Clock) -> None:
    acted: list[ConversationEnd] = []
    ends = [ended("c-0"), ended("c-1")]
    receipts = actions(acted.append).deliver(ends, clock.deadline(9))
    assert acted == []
    assert next(receipts) == Receipt(0, "arrived")
    assert acted == ends[:1]


class Stop(BaseException):
    pass


def _endless(end: ConversationEnd) -> None:
    _endless(end)


@pytest.mark.parametrize(
    "act",
    [
        raising(ValueError("bad")),
        raising(TimeoutError()),
        raising(SystemExit(0)),
        raising(MemoryError()),
        raising(ExceptionGroup("many", [ValueError("bad")])),
        raising(StopIteration()),
        raising(GeneratorExit()),
        raising(asyncio.CancelledError()),
        raising(Stop()),
        _endless,
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
        "a BaseException of its own",
        "a recursion without end",
    ],
)
def test_an_action_that_raises_fails_only_its_end(clock: Clock, act: Act) -> None:
    ends = [ended("before"), ended("bad"), ended("after")]
    receipts = list(actions(of("bad", act)).deliver(ends, clock.deadline(9)))
    assert [(receipt.position, receipt.kind) for receipt in receipts] == [
        (0, "arrived"),
        (1, "failed"),
        (2, "arrived"),
    ]


def test_ctrl_c_in_an_action_stops_the_run(clock: Clock) -> None:
    receipts = actions(raising(KeyboardInterrupt())).deliver([ended()], clock.deadline(9))
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
def test_a_failure_s_detail_is_its_type_and_the_action_s_line_alone(
    clock: Clock, raising_line: str, detail: str
) -> None:
    source = f"import json\nfrom functools import partial\ndef act(end):\n    {raising_line}\n"
    module: dict[str, Any] = {}
    exec(compile(source, "/var/task/destinations/actions.py", "exec"), module)  # noqa: S102
    receipts = list(actions(module["act"]).deliver([ended(name=CANARY)], clock.deadline(9)))
    assert receipts == [Receipt(0, "failed", detail)]


@pytest.mark.parametrize(
    "act",
    [operator.methodcaller(CANARY), functools.partial(operator.getitem, b=CANARY), CANARY],
    ids=["no function", "partial", "not even callable"],
)
def test_the_detail_of_an_action_without_lines_names_our_line(clock: Clock, act: Any) -> None:
    (receipt,) = actions(act).deliver([ended()], clock.deadline(9))
    assert receipt.kind == "failed"
    assert re.fullmatch(r"\w+Error at user_code\.py:\d+", receipt.detail)


def test_the_detail_of_a_failure_outside_the_file_names_the_place_that_raised(clock: Clock) -> None:
    module: dict[str, Any] = {}
    exec(compile("def act(end):\n    raise KeyError", "/var/task/crm.py", "exec"), module)  # noqa: S102
    receipts = list(actions(module["act"]).deliver([ended()], clock.deadline(9)))
    assert receipts == [Receipt(0, "failed", "KeyError at crm.py:2")]


@pytest.mark.parametrize(("left", "limit"), [(900, 10), (10.5, 10), (5, 5)])
def test_an_action_may_take_ten_seconds_or_the_time_left(
    clock: Clock, time_limits: list[float], left: float, limit: float
) -> None:
    list(actions(lambda _: None).deliver([ended()], clock.deadline(left)))
    assert time_limits == [limit]


def test_when_time_runs_out_the_rest_is_not_tried(clock: Clock) -> None:
    acted: list[ConversationEnd] = []

    def act(end: ConversationEnd) -> None:
        acted.append(end)
        clock.sleep(4)

    ends = [ended(f"c-{number}") for number in range(5)]
    receipts = list(actions(act).deliver(ends, clock.deadline(12)))
    assert receipts == [Receipt(position, "arrived") for position in range(3)]
    assert acted == ends[:3]
    assert list(actions(act).deliver(ends, clock.deadline(0))) == []


def test_an_action_that_hangs_is_interrupted_and_the_next_one_is_called(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(_end: ConversationEnd) -> None:
        monkeypatch.undo()  # the next one has its usual time
        time.sleep(60)

    monkeypatch.setattr(user_code, "CALL_SECONDS", 0.05)
    receipts = list(
        actions(of("hangs", hang)).deliver([ended("hangs"), ended("next")], clock.deadline(30))
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

    soon = functools.partial(time_limit, repeat_seconds=0.05)
    monkeypatch.setattr(user_code, "time_limit", soon)
    (receipt,) = actions(hang).deliver([ended()], clock.deadline(0.05))
    assert receipt.kind == "failed"
