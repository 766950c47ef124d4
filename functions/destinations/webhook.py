"""The webhook: a signed POST for every end, as Standard Webhooks has it."""

import http.client
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

import boto3
import msgspec

from aws_calls import limits
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.delivery import CALL_LIMIT, Delivery, Verdict
from destinations.webhook_connection import AddressRefused, Connection, Origin
from destinations.webhook_signature import SecretUnusable, SigningKeys, id_of, signature

# Calls that go on at the same time.
CONCURRENCY = 8
# After so many calls in a row that nobody answered, the receiver counts as down.
SILENT_CALLS = 2 * CONCURRENCY
# Seconds that must be left to begin a call: one that is broken off may have arrived all the same.
WORTHWHILE = 0.5
# Seconds for which an unused connection is kept; load balancers drop it after a minute.
IDLE_LIMIT = 50.0
# How much of an answer is read, in bytes and in seconds between two of them, to keep the connection
# for the next call. What the answer says does not matter.
ANSWER_LIMIT = 16 * 1024
ANSWER_PAUSE = 0.5

# Answers to the request itself, which is the same at every try.
FINAL = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505})
# A receiver says so of a signature that it does not accept.
UNAUTHORIZED = frozenset({401, 403})


@dataclass(slots=True, eq=False)
class _Call:
    """One POST; the thread that makes it writes `status` or `problem`, in the end.

    Attributes
    ----------
    limit
        Seconds that it may take; `until`: the moment, by `time.monotonic`.
    given_up
        Whether nobody waits for it any more, so that it must not be sent.
    """

    position: int
    connection: Connection
    limit: float
    until: float
    given_up: bool = False
    status: int | None = None
    problem: str = ""

    def give_up(self) -> None:
        self.given_up = True
        self.connection.break_off()

    def must_not_go_on(self) -> bool:
        return self.given_up or time.monotonic() >= self.until

    def was_silent(self) -> bool:
        return self.status is None and not self.problem

    def delivery(self) -> Delivery:
        if self.status is None:
            silence = f"no answer within {round(self.limit, 1):g} s"
            return Delivery(self.position, "failed", self.problem or silence)
        return Delivery(self.position, verdict_on(self.status), f"answered {self.status}")


class Webhook:
    """The destination `webhook`.

    Parameters
    ----------
    origin
        Where the requests go.
    keys
        What they are signed with.
    now
        Returns epoch seconds: Lambda may freeze the process, and a monotonic clock with it.

    Attributes
    ----------
    limit
        Seconds that a call may take, from looking up the address to the answer's status.
    """

    name = "webhook"

    def __init__(
        self,
        origin: Origin,
        keys: SigningKeys,
        *,
        limit: float = CALL_LIMIT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._origin = origin
        self._keys = keys
        self.limit = limit
        self._now = now
        self._idle: list[Connection] = []

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Delivery]:
        """Deliver ends, some at a time; see `destinations.delivery.Destination`.

        A call without an answer is given up when its time is over, whatever it is waiting for, and
        the others go on meanwhile. What there is no time to begin is not tried, nor is the rest
        once the receiver counts as down.
        """
        waiting = deque(enumerate(ends))
        under_way: set[_Call] = set()
        ended: SimpleQueue[_Call] = SimpleQueue()
        silent = 0
        try:
            while True:
                while waiting and len(under_way) < CONCURRENCY and silent < SILENT_CALLS:
                    if deadline.left() < WORTHWHILE:
                        break
                    try:
                        keys = self._keys.current(deadline)
                    except SecretUnusable as problem:
                        for position, _ in waiting:
                            yield Delivery(position, "failed", str(problem))
                        waiting.clear()
                        break
                    position, end = waiting.popleft()
                    under_way.add(self._begin(position, end, keys, deadline, ended))
                if not under_way:
                    return
                for call in _over(under_way, ended):
                    under_way.discard(call)
                    silent = silent + 1 if call.was_silent() else 0
                    if call.status in UNAUTHORIZED:
                        self._keys.doubt()
                    yield call.delivery()
        finally:
            for call in under_way:
                call.give_up()

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _begin(
        self,
        position: int,
        end: ConversationEnd,
        keys: Sequence[bytes],
        deadline: Deadline,
        ended: "SimpleQueue[_Call]",
    ) -> _Call:
        limit = min(self.limit, deadline.left())
        connection = self._kept_connection() or Connection(self._origin)
        connection.until = time.monotonic() + limit
        call = _Call(position, connection, limit, connection.until)
        # A daemon, unlike a pool's thread: the interpreter's exit does not wait for one that hangs.
        Thread(target=self._make, args=(call, end, keys, ended), daemon=True).start()
        return call

    def _kept_connection(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if self._now() - connection.used_at < IDLE_LIMIT and connection.is_alive():
                return connection
            connection.close()
        return None

    def _make(
        self,
        call: _Call,
        end: ConversationEnd,
        keys: Sequence[bytes],
        ended: "SimpleQueue[_Call]",
    ) -> None:
        """Make a call, in a thread of its own."""
        try:
            if self._ask(call, end, keys) and not call.given_up:
                call.connection.used_at = self._now()
                self._idle.append(call.connection)
            else:
                call.connection.close()
        except TimeoutError:
            call.connection.close()
        except Exception as error:  # noqa: BLE001 - fails this end, whatever it is
            call.connection.close()
            if not call.given_up:
                call.problem = _in_words(error)
        finally:
            ended.put(call)

    def _ask(self, call: _Call, end: ConversationEnd, keys: Sequence[bytes]) -> bool:
        """Send an end and take note of the answer; return whether the connection can be kept."""
        connection = call.connection
        is_kept = connection.used_at > 0
        body = _body(end)
        try:
            response = self._answer(call, end, body, keys)
        except (ConnectionError, ssl.SSLEOFError):
            # Closed by the other side while it was unused, which shows only now.
            if not is_kept or call.must_not_go_on():
                raise
            connection.close()
            response = self._answer(call, end, body, keys)
        with response:
            if call.given_up:
                return False  # what was broken off reads like an answer that has ended
            call.status = response.status
            with suppress(OSError, http.client.HTTPException):
                connection.hasten(ANSWER_PAUSE)
                response.read(ANSWER_LIMIT)
                return response.isclosed() and connection.sock is not None
        return False

    def _answer(
        self, call: _Call, end: ConversationEnd, body: bytes, keys: Sequence[bytes]
    ) -> http.client.HTTPResponse:
        connection = call.connection
        if connection.sock is None:
            connection.connect()
        connection.hasten()
        if call.must_not_go_on():
            raise TimeoutError
        webhook_id, timestamp = id_of(end), int(self._now())
        headers = {
            "content-type": "application/json",
            "user-agent": "queue-ends",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(keys, webhook_id, timestamp, body),
        }
        connection.request("POST", self._origin.target, body, headers)
        return connection.getresponse()


def destination(environment: Mapping[str, str]) -> Webhook:
    """Return the destination that the worker's environment variables describe."""
    return Webhook(
        Origin.of(
            environment["WEBHOOK_URL"],
            allow_private=environment.get("WEBHOOK_ALLOW_PRIVATE") == "true",
        ),
        SigningKeys(
            # One short try: the message comes back, and what is kept outlasts a failure.
            boto3.client("secretsmanager", config=limits()),
            environment["WEBHOOK_SECRET"],
        ),
    )


def verdict_on(status: int) -> Verdict:
    """Return what an answer's status means for an end."""
    if 200 <= status < 300:
        return "arrived"
    return "refused" if status in FINAL else "failed"


def _over(under_way: set[_Call], ended: "SimpleQueue[_Call]") -> list[_Call]:
    """Return calls that are over, after waiting until there are any; late ones are given up."""
    over = []
    patience = min(call.until for call in under_way) - time.monotonic()
    with suppress(Empty):
        over.append(ended.get(timeout=max(0.0, patience)))
        while True:  # all of them: what has ended must not be given up, its connection is kept
            over.append(ended.get_nowait())
    now = time.monotonic()
    for call in under_way:
        if call.until <= now and call not in over:
            call.give_up()
            over.append(call)
    # One that was given up before ends too, in its own time.
    return [call for call in over if call in under_way]


def _body(end: ConversationEnd) -> bytes:
    timestamp = msgspec.json.encode(end.ended_at)
    # Put together, so that the end, which can be large, is encoded once.
    return b"".join(
        [b'{"type":"conversation.ended","timestamp":', timestamp, b',"data":', end.as_json(), b"}"]
    )


def _in_words(error: Exception) -> str:
    """Return what went wrong, in words that are ours: an error's own can hold names."""
    match error:
        case AddressRefused():
            return "the host's address is not public; set webhook_allow_private if it is meant"
        case socket.gaierror():
            return "the host's name cannot be resolved"
        case ssl.SSLCertVerificationError():
            return "the host's certificate was not accepted"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return f"the connection failed ({type(error).__name__})"
