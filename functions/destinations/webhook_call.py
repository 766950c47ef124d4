"""A call of the webhook: one end's POST, made in a thread of its own."""

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

# The bytes of an answer's body that are read, and the seconds between two of them, so that the next
# call can use the connection. The body itself does not matter.
ANSWER_LIMIT = 16 * 1024
ANSWER_PAUSE = 0.5

# Statuses that refuse the request itself, which is the same at every try.
FINAL = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505})


@dataclass(slots=True, eq=False)
class Call:
    """A POST, repeated once on a new connection if the kept one turns out to be closed.

    Attributes
    ----------
    limit
        Seconds that the call may take.
    deadline
        The moment when they are over.
    now
        Returns epoch seconds.
    given_up
        Whether nobody waits for the answer any more, so that nothing must be sent.
    status, problem
        The answer's status, or the reason why there is none; written by the call's thread when it
        is known. A call without either is unanswered.
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
        """Make the call end soon, whatever it waits for."""
        self.given_up = True
        self.connection.break_off()

    def is_unanswered(self) -> bool:
        """Return whether neither an answer nor an error came in time."""
        return self.status is None and not self.problem

    def receipt(self) -> Receipt:
        """Return the end's receipt."""
        if self.status is not None:
            return Receipt(self.position, receipt_kind(self.status), f"answered {self.status}")
        problem = self.problem or f"no answer within {round(self.limit, 1):g} s"
        return Receipt(self.position, "failed", problem)

    def make(self) -> None:
        """Make the call; runs in its thread."""
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
        """Send the end and note the status; return whether the connection can be kept."""
        connection = self.connection
        was_kept = connection.used_at > 0
        body = _body(self.end)
        try:
            response = self._answer(body)
        except (ConnectionError, ssl.SSLEOFError):
            # The other side closed it while it was unused, which shows only now.
            if not was_kept or self._is_over():
                raise
            connection.close()
            response = self._answer(body)
        with response:
            if self.given_up:
                return False  # an answer that was broken off reads like one that has ended
            self.status = response.status
            with suppress(OSError, http.client.HTTPException):
                connection.limit_waits(ANSWER_PAUSE)
                response.read(ANSWER_LIMIT)
                return response.isclosed() and connection.sock is not None
        return False

    def _answer(self, body: bytes) -> http.client.HTTPResponse:
        connection = self.connection
        if connection.sock is None:
            connection.connect()
        connection.limit_waits()
        if self._is_over():
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

    def _is_over(self) -> bool:
        """Return whether nothing must be sent any more."""
        return self.given_up or self.deadline.passed()


class Calls:
    """Makes calls that go on at the same time, and measures their time."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[Call] = SimpleQueue()

    def deadline(self, seconds: float) -> Deadline:
        """Return the deadline that comes in `seconds`, by a clock that nobody adjusts."""
        end = time.monotonic() + seconds
        return Deadline(lambda: end - time.monotonic())

    def begin(self, call: Call) -> None:
        """Make a call in a thread of its own."""
        # A daemon, unlike a pool's thread: the interpreter exits even if a call hangs.
        Thread(target=self._make, args=(call,), name="webhook call", daemon=True).start()

    def _make(self, call: Call) -> None:
        try:
            call.make()
        finally:
            self._ended.put(call)

    def ended(self, seconds: float) -> list[Call]:
        """Return calls that have ended; wait for the first of them, up to `seconds`."""
        ended = []
        with suppress(Empty):
            ended.append(self._ended.get(timeout=max(0.0, seconds)))
            while True:
                ended.append(self._ended.get_nowait())
        return ended


def receipt_kind(status: int) -> ReceiptKind:
    """Return the kind of receipt that an answer's status is."""
    if 200 <= status < 300:
        return "arrived"
    return "refused" if status in FINAL else "failed"


def _body(end: ConversationEnd) -> bytes:
    """Return a request's body."""
    timestamp = msgspec.json.encode(end.ended_at)
    # Bytes are joined, so that the end, which can be large, is encoded once.
    return b"".join(
        [b'{"type":"conversation.ended","timestamp":', timestamp, b',"data":', end.as_json(), b"}"]
    )


def _in_words(error: Exception) -> str:
    """Return an error in fixed words, since its own can hold names."""
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
