"""One call of the webhook: a POST that tells of an end, made in a thread of its own."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

import msgspec

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt, ReceiptKind
from destinations.webhook_connection import AddressRefused, Connection, Connections
from destinations.webhook_signature import id_of, signature

# How much of an answer is read, in bytes and in seconds between two of them, to keep the connection
# for the next call. What the answer says does not matter.
ANSWER_LIMIT = 16 * 1024
ANSWER_PAUSE = 0.5

# Answers to the request itself, which is the same at every try.
FINAL = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505})


@dataclass(slots=True, eq=False)
class Call:
    """One POST; the thread that makes it writes `status` or `problem`, in the end.

    Attributes
    ----------
    limit
        Seconds that it may take; `deadline`: the moment when they are over.
    now
        Returns epoch seconds.
    given_up
        Whether nobody waits for it any more, so that it must not be sent.
    """

    position: int
    end: ConversationEnd
    keys: Sequence[bytes]
    connections: Connections
    limit: float
    deadline: Deadline
    now: Callable[[], float]
    given_up: bool = False
    status: int | None = None
    problem: str = ""
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = self.connections.take(self.deadline)

    def give_up(self) -> None:
        """Have it end soon, whatever it waits for."""
        self.given_up = True
        self.connection.break_off()

    def was_silent(self) -> bool:
        """Return whether nobody answered."""
        return self.status is None and not self.problem

    def delivery(self) -> Receipt:
        """Return what became of the end."""
        if self.status is None:
            silence = f"no answer within {round(self.limit, 1):g} s"
            return Receipt(self.position, "failed", self.problem or silence)
        return Receipt(self.position, verdict_on(self.status), f"answered {self.status}")

    def make(self) -> None:
        """Make the call, until it is over."""
        try:
            if self._ask() and not self.given_up:
                self.connections.keep(self.connection)
            else:
                self.connection.close()
        except TimeoutError:
            self.connection.close()
        except Exception as error:  # noqa: BLE001 - fails this end, whatever it is
            self.connection.close()
            if not self.given_up:
                self.problem = _in_words(error)

    def _ask(self) -> bool:
        """Send the end and take note of the answer; return whether the connection can be kept."""
        connection = self.connection
        is_kept = connection.used_at > 0
        body = _body(self.end)
        try:
            response = self._answer(body)
        except (ConnectionError, ssl.SSLEOFError):
            # Closed by the other side while it was unused, which shows only now.
            if not is_kept or self._must_not_go_on():
                raise
            connection.close()
            response = self._answer(body)
        with response:
            if self.given_up:
                return False  # what was broken off reads like an answer that has ended
            self.status = response.status
            with suppress(OSError, http.client.HTTPException):
                connection.hasten(ANSWER_PAUSE)
                response.read(ANSWER_LIMIT)
                return response.isclosed() and connection.sock is not None
        return False

    def _answer(self, body: bytes) -> http.client.HTTPResponse:
        connection = self.connection
        if connection.sock is None:
            connection.connect()
        connection.hasten()
        if self._must_not_go_on():
            raise TimeoutError
        webhook_id, timestamp = id_of(self.end), int(self.now())
        headers = {
            "content-type": "application/json",
            "user-agent": "queue-ends",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self.keys, webhook_id, timestamp, body),
        }
        connection.request("POST", connection.origin.target, body, headers)
        return connection.getresponse()

    def _must_not_go_on(self) -> bool:
        return self.given_up or self.deadline.passed()


class Calls:
    """Calls that go on at the same time, and the time by which they are measured."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[Call] = SimpleQueue()

    def deadline(self, seconds: float) -> Deadline:
        """Return the deadline that comes in `seconds`, by a clock that nobody sets."""
        end = time.monotonic() + seconds
        return Deadline(lambda: end - time.monotonic())

    def begin(self, call: Call) -> None:
        """Have a call made."""
        # A daemon, unlike a pool's thread: the interpreter's exit does not wait for one that hangs.
        Thread(target=self._make, args=(call,), name="webhook call", daemon=True).start()

    def _make(self, call: Call) -> None:
        try:
            call.make()
        finally:
            self._ended.put(call)

    def ended(self, seconds: float) -> list[Call]:
        """Return calls that have ended, after waiting `seconds` at most for the first of them."""
        ended = []
        with suppress(Empty):
            ended.append(self._ended.get(timeout=max(0.0, seconds)))
            while True:
                ended.append(self._ended.get_nowait())
        return ended


def verdict_on(status: int) -> ReceiptKind:
    """Return what an answer's status means for an end."""
    if 200 <= status < 300:
        return "arrived"
    return "refused" if status in FINAL else "failed"


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
