"""The webhook's time limits: hanging calls are abandoned, and no call outlasts the deadline."""

import math
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pytest

from deadline import Deadline
from destinations import webhook_connection, webhook_signature
from destinations.destination import Receipt
from destinations.webhook import MAX_CONCURRENT_CALLS, MAX_CONSECUTIVE_TIMEOUTS
from destinations.webhook_call import Call, CallRunner
from destinations.webhook_connection import Connection
from local.http.messages import Answer
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import (
    LONG_SECONDS,
    SECRET,
    SECRET_NAME,
    Receiver,
    deliver_ends,
    make_ends,
    read_request,
    tcp_server,
    webhook_to,
)
from tests.polling import wait_until


class ScriptedRunner(CallRunner):
    """A runner that sends nothing and uses a fake clock; a call takes about 0.1 s.

    Parameters
    ----------
    hanging
        The positions of the ends whose calls never finish.
    status, problem
        The result of all other calls.

    Attributes
    ----------
    started
        The calls, in order.
    max_running
        The most calls that were running at the same time.
    """

    def __init__(
        self, hanging: Collection[int] = (), *, status: int | None = 204, problem: str = ""
    ) -> None:
        super().__init__()
        self.clock = Clock()
        self.started: list[Call] = []
        self.max_running = 0
        self._hanging = hanging
        self._result = status, problem
        self._finish_times: dict[Call, float] = {}

    def deadline_in(self, seconds: float) -> Deadline:
        return self.clock.deadline(seconds)

    def start(self, call: Call) -> None:
        seconds = math.inf if call.position in self._hanging else 0.1 + call.position / 1000
        self._finish_times[call] = self.clock.now + seconds
        self.started.append(call)
        running = sum(not started.is_abandoned for started in self._finish_times)
        self.max_running = max(self.max_running, running)

    def wait(self, seconds: float) -> list[Call]:
        """Let time pass until a call finishes, or for `seconds`; abandoned calls finish at once."""
        until = min(self.clock.now + max(0.0, seconds), *self._finish_times.values())
        self.clock.now = max(self.clock.now, until)
        for call, finish_time in list(self._finish_times.items()):
            if has_result := finish_time <= self.clock.now:
                call.status, call.problem = self._result
            if has_result or call.is_abandoned:
                del self._finish_times[call]
                self._finished.put(call)
        return super().wait(0)

    def deliver(
        self, count: int, *, call_seconds: float = 2, seconds: float = LONG_SECONDS
    ) -> dict[int, Receipt]:
        """Deliver ends in at most `seconds`, with at most `call_seconds` for each call."""
        with webhook_to(
            "http://localhost", call_seconds=call_seconds, make_runner=lambda: self
        ) as webhook:
            return deliver_ends(webhook, count, self.clock.deadline(seconds))


def kinds(receipts: Mapping[int, Receipt]) -> list[str]:
    """Return the kinds of the receipts in the order of the ends."""
    return [receipts[position].kind for position in sorted(receipts)]


def test_hanging_calls_do_not_affect_others_and_are_abandoned_in_turn() -> None:
    runner = ScriptedRunner(hanging={0, 39})
    with webhook_to("http://localhost", call_seconds=2, make_runner=lambda: runner) as webhook:
        receipts = webhook.deliver(make_ends(40), runner.clock.deadline(LONG_SECONDS))
        arrived = [next(receipts).position for _ in range(38)]
        assert sorted(arrived) == list(range(1, 39))
        assert next(receipts) == Receipt(0, "failed", "no answer within 2 s")
        assert runner.clock.now == 2
        assert next(receipts) == Receipt(39, "failed", "no answer within 2 s")
        assert runner.clock.now > 2
        assert next(receipts, None) is None


def test_more_hanging_calls_than_run_at_once_do_not_block_the_others() -> None:
    runner = ScriptedRunner(hanging=range(MAX_CONCURRENT_CALLS + 1))
    receipts = runner.deliver(20, call_seconds=1.24)
    assert kinds(receipts) == ["failed"] * (MAX_CONCURRENT_CALLS + 1) + ["arrived"] * 11
    assert receipts[0].detail == "no answer within 1.2 s"
    assert runner.max_running == MAX_CONCURRENT_CALLS


def test_at_the_deadline_every_call_is_abandoned_and_the_remaining_ends_are_not_tried(
    time_limits: list[float],
) -> None:
    runner = ScriptedRunner(hanging=range(100))
    receipts = runner.deliver(100, call_seconds=10, seconds=1)
    assert sorted(receipts) == list(range(MAX_CONCURRENT_CALLS))
    assert {receipt.detail for receipt in receipts.values()} == {"no answer within 1 s"}
    assert [call.position for call in runner.started] == list(range(MAX_CONCURRENT_CALLS))
    assert all(call.is_abandoned for call in runner.started)
    assert runner.clock.now == 1
    assert time_limits == [1]  # for reading the secret


@pytest.mark.parametrize("left", [-5.0, 0.0, 0.4])
def test_without_time_no_call_starts_and_the_secret_is_not_read(left: float) -> None:
    runner, secrets = ScriptedRunner(), FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to("http://localhost", secrets, make_runner=lambda: runner) as webhook:
        assert deliver_ends(webhook, 3, runner.clock.deadline(left)) == {}
    assert runner.started == []
    assert secrets.reads == []


def test_a_receiver_counts_as_down_after_many_consecutive_timeouts() -> None:
    receipts = ScriptedRunner(hanging=range(100)).deliver(100)
    assert kinds(receipts) == ["failed"] * MAX_CONSECUTIVE_TIMEOUTS


@pytest.mark.parametrize(
    "runner",
    [
        ScriptedRunner(status=503),
        ScriptedRunner(status=None, problem="the connection was refused"),
        ScriptedRunner(hanging=range(0, 100, 3)),
    ],
    ids=["responds with an error", "refuses connections", "responds to most calls"],
)
def test_a_receiver_does_not_count_as_down(runner: ScriptedRunner) -> None:
    assert len(runner.deliver(100)) == 100


def test_calls_that_finish_while_nobody_iterates_keep_their_responses() -> None:
    runner = ScriptedRunner()
    with webhook_to("http://localhost", call_seconds=0.6, make_runner=lambda: runner) as webhook:
        receipts = webhook.deliver(
            make_ends(MAX_CONCURRENT_CALLS), runner.clock.deadline(LONG_SECONDS)
        )
        received = [next(receipts)]
        runner.clock.now = 0.7
        received += receipts
    assert sorted(receipt.position for receipt in received) == list(range(MAX_CONCURRENT_CALLS))
    assert {receipt.kind for receipt in received} == {"arrived"}


def test_a_secret_that_is_deleted_during_a_batch_fails_the_unsent_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_signature, "KEEP_SECONDS", 0.05)
    runner, secrets = ScriptedRunner(), FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to(
        "http://localhost", secrets, now=runner.clock, make_runner=lambda: runner
    ) as webhook:
        receipts = webhook.deliver(make_ends(20), runner.clock.deadline(LONG_SECONDS))
        received = [next(receipts)]
        secrets.held.clear()
        received += receipts
    by_position = {receipt.position: receipt for receipt in received}
    assert len(received) == 20
    assert kinds(by_position) == ["arrived"] * MAX_CONCURRENT_CALLS + ["failed"] * (
        20 - MAX_CONCURRENT_CALLS
    )


class ExpiringRunner(CallRunner):
    """A runner that makes real calls; all time limits are over as soon as a call is stuck."""

    def __init__(self, is_stuck: Callable[[Call], bool]) -> None:
        super().__init__()
        self.clock = Clock()
        self._is_stuck = is_stuck
        self._started: list[Call] = []

    def deadline_in(self, seconds: float) -> Deadline:
        # Ten times as long, or a socket's own timeout could end a stuck call.
        return self.clock.deadline(10 * seconds)

    def start(self, call: Call) -> None:
        self._started.append(call)
        super().start(call)

    def wait(self, seconds: float) -> list[Call]:
        finished: list[Call] = []

        def is_over() -> bool:
            finished.extend(CallRunner.wait(self, 0))
            return bool(finished) or any(map(self._is_stuck, self._started))

        wait_until(is_over, "a call has finished or is stuck", LONG_SECONDS)
        if not finished:
            self.clock.now += seconds
        return finished


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Check that no call's thread is left."""
    yield
    wait_until(lambda: not call_threads(), "every call's thread has ended", LONG_SECONDS)


def call_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "webhook call"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def stuck() -> threading.Event:
    """An event that a server sets when a call is stuck there."""
    return threading.Event()


@pytest.fixture
def runner(stuck: threading.Event) -> ExpiringRunner:
    return ExpiringRunner(lambda _: stuck.is_set())


TIMED_OUT = Receipt(0, "failed", f"no answer within {LONG_SECONDS:g} s")


def test_a_call_to_a_receiver_that_never_responds_times_out_by_the_real_clock(
    receiver: Receiver,
) -> None:
    receiver.respond = lambda _: Answer(fate="hung")
    with webhook_to(receiver.url, call_seconds=0.1) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(0, "failed", "no answer within 0.1 s")


def test_a_call_whose_name_is_resolved_too_late_sends_nothing(
    receiver: Receiver, stuck: threading.Event, runner: ExpiringRunner
) -> None:
    proceed = threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        stuck.set()
        proceed.wait(LONG_SECONDS)
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve, make_runner=lambda: runner) as webhook:
        assert deliver_ends(webhook)[0] == TIMED_OUT
        # The interpreter would wait for other threads before it exits.
        assert [thread.daemon for thread in call_threads()] == [True]
        proceed.set()
        wait_until(lambda: not call_threads(), "the call has ended", LONG_SECONDS)
    assert receiver.requests == []


def test_a_call_that_notices_its_deadline_has_timed_out(
    receiver: Receiver, runner: ExpiringRunner
) -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        runner.clock.now = 10 * LONG_SECONDS
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve, make_runner=lambda: runner) as webhook:
        assert deliver_ends(webhook)[0] == TIMED_OUT
    assert receiver.connection_count == 0


def test_abandoned_calls_send_nothing(receiver: Receiver) -> None:
    all_started, proceed = threading.Barrier(3, timeout=LONG_SECONDS), threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        if all_started.wait() > 0:  # all but one
            proceed.wait(LONG_SECONDS)
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve) as webhook:
        receipts = webhook.deliver(make_ends(3), Clock().deadline(LONG_SECONDS))
        next(receipts)
        receipts.close()  # type: ignore[attr-defined]
        proceed.set()
        wait_until(lambda: not call_threads(), "the calls have ended", LONG_SECONDS)
    assert len(receiver.requests) == 1


def test_a_call_that_is_aborted_amid_the_headers_has_not_arrived(
    stuck: threading.Event, runner: ExpiringRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    abort = Connection.abort

    def abort_and_wait(connection: Connection) -> None:
        """Let the headers look complete before the webhook checks the call."""
        abort(connection)
        wait_until(lambda: not call_threads(), "the call was aborted", LONG_SECONDS)

    monkeypatch.setattr(Connection, "abort", abort_and_wait)

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        stuck.set()
        connection.recv(1)  # waits until the connection is closed

    with tcp_server(serve) as url, webhook_to(url, make_runner=lambda: runner) as webhook:
        assert deliver_ends(webhook)[0] == TIMED_OUT


def test_a_handshake_that_hangs_is_aborted(stuck: threading.Event, runner: ExpiringRunner) -> None:
    hung_up = threading.Event()

    def serve(connection: socket.socket) -> None:
        while connection.recv(65536):
            stuck.set()
        hung_up.set()

    with tcp_server(serve) as url:
        secure = url.replace("http:", "https:")
        with webhook_to(secure, allow_private=True, make_runner=lambda: runner) as webhook:
            assert deliver_ends(webhook)[0] == TIMED_OUT
        assert hung_up.wait(LONG_SECONDS)


def trickle(connection: socket.socket, head: bytes) -> None:
    """Send the start of a response, then an endless body byte by byte."""
    read_request(connection)
    connection.sendall(head)
    while not threading.Event().wait(0.005):
        connection.sendall(b"x")


trickles = pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["length", "chunked", "a chunk's extension", "until closed"],
)


@trickles
def test_a_call_whose_response_body_trickles_in_has_arrived(head: bytes) -> None:
    runner = ExpiringRunner(lambda call: call.status is not None)
    with (
        tcp_server(lambda connection: trickle(connection, head)) as url,
        webhook_to(url, make_runner=lambda: runner) as webhook,
    ):
        assert deliver_ends(webhook)[0] == Receipt(0, "arrived", "answered 200")
        wait_until(lambda: not call_threads(), "the call was aborted", LONG_SECONDS)


@trickles
def test_a_body_that_trickles_in_does_not_keep_the_call(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_connection, "MAX_BODY_SECONDS", 0.2)
    abandoned: list[Call] = []
    monkeypatch.setattr(Call, "abandon", abandoned.append)

    with (
        tcp_server(lambda connection: trickle(connection, head)) as url,
        webhook_to(url) as webhook,
    ):
        assert deliver_ends(webhook)[0] == Receipt(0, "arrived", "answered 200")

    assert abandoned == []


def test_a_body_that_never_comes_does_not_take_the_whole_time_limit(
    runner: ExpiringRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_connection, "MAX_BODY_SECONDS", 0.05)
    hung_up = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        connection.recv(1)  # waits until the connection is closed
        hung_up.set()

    with tcp_server(serve) as url, webhook_to(url, make_runner=lambda: runner) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(0, "arrived", "answered 200")
        assert hung_up.wait(LONG_SECONDS)
    assert runner.clock.now == 0
