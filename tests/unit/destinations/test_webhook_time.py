"""The webhook and time: hanging calls are given up, and nothing goes on after the deadline."""

import math
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pytest

from deadline import Deadline
from destinations import webhook_call, webhook_signature
from destinations.destination import Receipt
from destinations.webhook import CONCURRENCY, MAX_UNANSWERED
from destinations.webhook_call import Call, Calls
from destinations.webhook_connection import Connection
from local.http.messages import Answer
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import (
    LONG,
    SECRET,
    SECRET_NAME,
    Receiver,
    ends,
    read_request,
    receipts_of,
    tcp_server,
    webhook_to,
)
from tests.polling import wait_until


class ScriptedCalls(Calls):
    """Calls that nobody makes, by a clock that waits for nothing: most are answered after 0.1 s.

    Parameters
    ----------
    hanging
        Positions of the ends whose calls are not answered.
    status, problem
        Of the other calls when they have ended.

    Attributes
    ----------
    begun
        The calls, in order.
    most
        How many went on at the same time at most.
    """

    def __init__(
        self, hanging: Collection[int] = (), *, status: int | None = 204, problem: str = ""
    ) -> None:
        super().__init__()
        self.clock = Clock()
        self.begun: list[Call] = []
        self.most = 0
        self._hanging = hanging
        self._answer = status, problem
        self._answered_at: dict[Call, float] = {}

    def deadline(self, seconds: float) -> Deadline:
        return self.clock.deadline(seconds)

    def begin(self, call: Call) -> None:
        takes = math.inf if call.position in self._hanging else 0.1 + call.position / 1000
        self._answered_at[call] = self.clock.now + takes
        self.begun.append(call)
        self.most = max(self.most, sum(not one.given_up for one in self._answered_at))

    def ended(self, seconds: float) -> list[Call]:
        """Let time pass until a call ends, or for `seconds`; one that was given up ends at once."""
        until = min(self.clock.now + max(0.0, seconds), *self._answered_at.values())
        self.clock.now = max(self.clock.now, until)
        for call, moment in list(self._answered_at.items()):
            if is_answered := moment <= self.clock.now:
                call.status, call.problem = self._answer
            if is_answered or call.given_up:
                del self._answered_at[call]
                self._ended.put(call)
        return super().ended(0)

    def deliver(self, count: int, *, limit: float = 2, seconds: float = LONG) -> dict[int, Receipt]:
        """Deliver ends within so many seconds of the clock, with a limit for each call."""
        with webhook_to("http://localhost", limit=limit, calls=lambda: self) as webhook:
            return receipts_of(webhook, count, self.clock.deadline(seconds))


def kinds(receipts: Mapping[int, Receipt]) -> list[str]:
    """Return the kinds of the receipts in the order of the ends."""
    return [receipts[position].kind for position in sorted(receipts)]


def test_hanging_calls_leave_the_others_alone_and_are_given_up_in_their_turn() -> None:
    calls = ScriptedCalls(hanging={0, 39})
    with webhook_to("http://localhost", limit=2, calls=lambda: calls) as webhook:
        receipts = webhook.deliver(ends(40), calls.clock.deadline(LONG))
        arrived = [next(receipts).position for _ in range(38)]
        assert sorted(arrived) == list(range(1, 39))
        assert next(receipts) == Receipt(0, "failed", "no answer within 2 s")
        assert calls.clock.now == 2
        assert next(receipts) == Receipt(39, "failed", "no answer within 2 s")
        assert calls.clock.now > 2
        assert next(receipts, None) is None


def test_the_others_get_their_turn_after_more_hanging_calls_than_go_on_at_once() -> None:
    calls = ScriptedCalls(hanging=range(CONCURRENCY + 1))
    receipts = calls.deliver(20, limit=1.24)
    assert kinds(receipts) == ["failed"] * (CONCURRENCY + 1) + ["arrived"] * 11
    assert receipts[0].detail == "no answer within 1.2 s"
    assert calls.most == CONCURRENCY


def test_at_the_deadline_every_call_is_given_up_and_the_rest_is_not_tried(
    time_limits: list[float],
) -> None:
    calls = ScriptedCalls(hanging=range(100))
    receipts = calls.deliver(100, limit=10, seconds=1)
    assert sorted(receipts) == list(range(CONCURRENCY))
    assert {d.detail for d in receipts.values()} == {"no answer within 1 s"}
    assert [call.position for call in calls.begun] == list(range(CONCURRENCY))
    assert all(call.given_up for call in calls.begun)
    assert calls.clock.now == 1
    assert time_limits == [1]  # of reading the secret


@pytest.mark.parametrize("left", [-5.0, 0.0, 0.4])
def test_without_time_no_call_is_begun_and_the_secret_is_not_read(left: float) -> None:
    calls, secrets = ScriptedCalls(), FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to("http://localhost", secrets, calls=lambda: calls) as webhook:
        assert receipts_of(webhook, 3, calls.clock.deadline(left)) == {}
    assert calls.begun == []
    assert secrets.reads == []


def test_a_receiver_counts_as_down_after_many_unanswered_calls_in_a_row() -> None:
    receipts = ScriptedCalls(hanging=range(100)).deliver(100)
    assert kinds(receipts) == ["failed"] * MAX_UNANSWERED


@pytest.mark.parametrize(
    "calls",
    [
        ScriptedCalls(status=503),
        ScriptedCalls(status=None, problem="the connection was refused"),
        ScriptedCalls(hanging=range(0, 100, 3)),
    ],
    ids=["answers with an error", "refuses connections", "answers most calls"],
)
def test_a_receiver_does_not_count_as_down(calls: ScriptedCalls) -> None:
    assert len(calls.deliver(100)) == 100


def test_calls_that_ended_while_nobody_iterated_keep_their_answers() -> None:
    calls = ScriptedCalls()
    with webhook_to("http://localhost", limit=0.6, calls=lambda: calls) as webhook:
        receipts = webhook.deliver(ends(CONCURRENCY), calls.clock.deadline(LONG))
        received = [next(receipts)]
        calls.clock.now = 0.7
        received += receipts
    assert sorted(receipt.position for receipt in received) == list(range(CONCURRENCY))
    assert {receipt.kind for receipt in received} == {"arrived"}


def test_a_secret_that_is_lost_during_a_batch_fails_the_waiting_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_signature, "KEEP_SECONDS", 0.05)
    calls, secrets = ScriptedCalls(), FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to("http://localhost", secrets, now=calls.clock, calls=lambda: calls) as webhook:
        receipts = webhook.deliver(ends(20), calls.clock.deadline(LONG))
        received = [next(receipts)]
        secrets.held.clear()
        received += receipts
    by_position = {receipt.position: receipt for receipt in received}
    assert len(received) == 20
    assert kinds(by_position) == ["arrived"] * CONCURRENCY + ["failed"] * (20 - CONCURRENCY)


class StuckCalls(Calls):
    """Calls that are really made, and whose time is over as soon as one is stuck."""

    def __init__(self, is_stuck: Callable[[Call], bool]) -> None:
        super().__init__()
        self.clock = Clock()
        self._is_stuck = is_stuck
        self._begun: list[Call] = []

    def deadline(self, seconds: float) -> Deadline:
        return self.clock.deadline(10 * seconds)  # or the sockets' own timeouts could help

    def begin(self, call: Call) -> None:
        self._begun.append(call)
        super().begin(call)

    def ended(self, seconds: float) -> list[Call]:
        ended: list[Call] = []

        def is_over() -> bool:
            ended.extend(Calls.ended(self, 0))
            return bool(ended) or any(map(self._is_stuck, self._begun))

        wait_until(is_over, "a call has ended or is stuck", LONG)
        if not ended:
            self.clock.now += seconds
        return ended


@pytest.fixture(autouse=True)
def _no_call_goes_on() -> Iterator[None]:
    """Look that no thread of a call is left."""
    yield
    wait_until(lambda: not threads_of_calls(), "every call's thread has ended", LONG)


def threads_of_calls() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "webhook call"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def stuck() -> threading.Event:
    """Set by a server when a call is stuck there."""
    return threading.Event()


@pytest.fixture
def calls(stuck: threading.Event) -> StuckCalls:
    return StuckCalls(lambda _: stuck.is_set())


UNANSWERED = Receipt(0, "failed", f"no answer within {LONG:g} s")


def test_a_receiver_that_never_answers_is_given_up_by_the_real_clock(receiver: Receiver) -> None:
    receiver.respond = lambda _: Answer(fate="hung")
    with webhook_to(receiver.url, limit=0.1) as webhook:
        assert receipts_of(webhook)[0] == Receipt(0, "failed", "no answer within 0.1 s")


def test_a_call_whose_name_is_resolved_too_late_sends_nothing(
    receiver: Receiver, stuck: threading.Event, calls: StuckCalls
) -> None:
    let_go = threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        stuck.set()
        let_go.wait(LONG)
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve, calls=lambda: calls) as webhook:
        assert receipts_of(webhook)[0] == UNANSWERED
        # Or the interpreter would wait for it before it exits.
        assert [thread.daemon for thread in threads_of_calls()] == [True]
        let_go.set()
        wait_until(lambda: not threads_of_calls(), "the call has ended", LONG)
    assert receiver.asked == []


def test_a_call_that_notices_the_end_of_its_time_is_unanswered(
    receiver: Receiver, calls: StuckCalls
) -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        calls.clock.now = 10 * LONG
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve, calls=lambda: calls) as webhook:
        assert receipts_of(webhook)[0] == UNANSWERED
    assert receiver.connections == 0


def test_abandoned_calls_send_nothing(receiver: Receiver) -> None:
    all_begun, let_go = threading.Barrier(3, timeout=LONG), threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        if all_begun.wait() > 0:  # all but one
            let_go.wait(LONG)
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve) as webhook:
        receipts = webhook.deliver(ends(3), Clock().deadline(LONG))
        next(receipts)
        receipts.close()  # type: ignore[attr-defined]
        let_go.set()
        wait_until(lambda: not threads_of_calls(), "the calls have ended", LONG)
    assert len(receiver.asked) == 1


def test_a_call_that_is_broken_off_amid_the_headers_has_not_arrived(
    stuck: threading.Event, calls: StuckCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off = Connection.break_off

    def break_off_and_wait(connection: Connection) -> None:
        """Let the headers seem to have ended before anybody asks what became of the call."""
        break_off(connection)
        wait_until(lambda: not threads_of_calls(), "the call was broken off", LONG)

    monkeypatch.setattr(Connection, "break_off", break_off_and_wait)

    def serve(accepted: socket.socket) -> None:
        read_request(accepted)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        stuck.set()
        accepted.recv(1)  # until it is closed

    with tcp_server(serve) as url, webhook_to(url, calls=lambda: calls) as webhook:
        assert receipts_of(webhook)[0] == UNANSWERED


def test_a_handshake_that_hangs_is_broken_off(stuck: threading.Event, calls: StuckCalls) -> None:
    hung_up = threading.Event()

    def serve(accepted: socket.socket) -> None:
        while accepted.recv(65536):
            stuck.set()
        hung_up.set()

    with tcp_server(serve) as url:
        secure = url.replace("http:", "https:")
        with webhook_to(secure, allow_private=True, calls=lambda: calls) as webhook:
            assert receipts_of(webhook)[0] == UNANSWERED
        assert hung_up.wait(LONG)


def drip(accepted: socket.socket, head: bytes) -> None:
    """Send the beginning of an answer, then a byte at a time without end."""
    read_request(accepted)
    accepted.sendall(head)
    while not threading.Event().wait(0.02):
        accepted.sendall(b"x")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["length", "chunked", "until closed"],
)
def test_a_call_whose_answer_s_body_drips_has_arrived(head: bytes) -> None:
    calls = StuckCalls(lambda call: call.status is not None)
    with (
        tcp_server(lambda accepted: drip(accepted, head)) as url,
        webhook_to(url, calls=lambda: calls) as webhook,
    ):
        assert receipts_of(webhook)[0] == Receipt(0, "arrived", "answered 200")
        wait_until(lambda: not threads_of_calls(), "the call was broken off", LONG)


def test_a_body_that_never_comes_does_not_take_the_whole_limit(
    calls: StuckCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_call, "ANSWER_PAUSE", 0.05)

    def serve(accepted: socket.socket) -> None:
        read_request(accepted)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        accepted.recv(1)  # until it is closed

    with tcp_server(serve) as url, webhook_to(url, calls=lambda: calls) as webhook:
        assert receipts_of(webhook)[0] == Receipt(0, "arrived", "answered 200")
    assert calls.clock.now == 0
