"""A webhook call: the POST request for one end, made in its own thread."""

import errno
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
from destinations.webhook_connection import AddressRefused, Connection, ConnectionPool
from destinations.webhook_signature import sign
from private_network import explain_no_answer

# What a call goes to, in the receipt's detail, which must not contain the host's name.
_TARGET = "the webhook's host"

# With these statuses, a receiver refuses the request itself, and would refuse every retry, too.
REFUSED_STATUSES = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505})


@dataclass(slots=True, eq=False)
class Call:
    """The POST request for one end. It is sent again if an idle connection proves to be closed.

    Attributes
    ----------
    position
        The end's index among the ends to deliver.
    keys
        The keys with which the request is signed.
    limit_seconds
        The call's time limit, for the receipt's detail.
    deadline
        The moment at which the time limit is reached.
    now
        Returns epoch seconds, for the request's timestamp.
    is_abandoned
        Whether the call was given up. Its thread then sends nothing more.
    status
        The response's status, set by the call's thread; None if there is no response.
    problem
        The reason why the call failed, set by the call's thread; empty if there is a response, or
        if the call timed out or was abandoned.
    connection
        The connection from the pool. It is taken when the `Call` is created, not in the call's
        thread, so that `abandon` always has a connection to abort.
    """

    position: int
    end: ConversationEnd
    keys: Sequence[bytes]
    pool: ConnectionPool
    limit_seconds: float
    deadline: Deadline
    now: Callable[[], float]
    is_abandoned: bool = False
    status: int | None = None
    problem: str = ""
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = self.pool.take(self.deadline)

    def abandon(self) -> None:
        """Give up the call, and make its thread stop soon."""
        self.is_abandoned = True
        self.connection.abort()

    def has_timed_out(self) -> bool:
        """Return whether a finished or abandoned call timed out."""
        return self.status is None and not self.problem

    def receipt(self) -> Receipt:
        """Return the end's receipt."""
        if self.status is not None:
            return Receipt(self.position, receipt_kind(self.status), f"answered {self.status}")
        problem = self.problem
        if not problem:
            problem = f"no answer within {round(self.limit_seconds, 1):g} s"
            if not self.connection.was_opened():
                problem = explain_no_answer(problem, _TARGET)
        return Receipt(self.position, "failed", problem)

    def run(self) -> None:
        """Make the call. This method runs in the call's thread."""
        try:
            can_reuse_connection = self._post()
            if can_reuse_connection and not self.is_abandoned:
                self.pool.keep(self.connection)
            else:
                self.connection.close()
        except TimeoutError:  # An empty `problem` stands for a timeout.
            self.connection.close()
        except Exception as error:  # noqa: BLE001 - any error fails this end
            self.connection.close()
            if not self.is_abandoned:  # `abandon` itself causes errors.
                self.problem = _describe(error)
                if _says_no_way(error):
                    self.problem = explain_no_answer(self.problem, _TARGET)

    def _post(self) -> bool:
        """Post the end and set the status; return whether the connection can be reused."""
        connection = self.connection
        is_reused = connection.last_used_at > 0
        body = _make_body(self.end)
        try:
            response = self._send(body)
        except (ConnectionError, ssl.SSLEOFError):
            # The receiver may have closed the idle connection, which shows only at the next use.
            if not is_reused or self._is_too_late():
                raise
            connection.close()
            response = self._send(body)
        with response:
            if self.is_abandoned:
                return False  # Headers that `abandon` has cut off can look complete.
            self.status = response.status
            # The status has decided on the receipt, whatever becomes of the body.
            return connection.read_body(response)

    def _send(self, body: bytes) -> http.client.HTTPResponse:
        """Send a signed request, over a new connection if none is open; return the response.

        Raises
        ------
        AddressRefused, OSError, http.client.HTTPException
        """
        connection = self.connection
        if connection.sock is None:
            connection.connect()
        connection.limit_waits_to_deadline()
        if self._is_too_late():
            raise TimeoutError
        webhook_id, timestamp = self.end.end_id, int(self.now())
        headers = {
            "content-type": "application/json",
            "user-agent": "queue-ends",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self.keys, webhook_id, timestamp, body),
        }
        connection.request("POST", connection.endpoint.target, body, headers)
        return connection.getresponse()

    def _is_too_late(self) -> bool:
        """Return whether it is too late to send a request."""
        return self.is_abandoned or self.deadline.passed()


class CallRunner:
    """Runs calls, each in its own thread."""

    def __init__(self) -> None:
        self._finished: SimpleQueue[Call] = SimpleQueue()

    def deadline_in(self, seconds: float) -> Deadline:
        """Return a deadline `seconds` from now; tests override this method to replace the clock."""
        until = time.monotonic() + seconds
        return Deadline(lambda: until - time.monotonic())

    def start(self, call: Call) -> None:
        """Start a call."""
        # Unlike a thread pool's threads, a daemon thread lets the interpreter exit during a call.
        Thread(target=self._run, args=(call,), name="webhook call", daemon=True).start()

    def _run(self, call: Call) -> None:
        try:
            call.run()
        finally:
            self._finished.put(call)

    def wait(self, seconds: float) -> list[Call]:
        """Return the calls that have finished since the last wait, including abandoned calls.

        If there are none yet, wait up to `seconds` for the first.
        """
        finished = []
        with suppress(Empty):
            finished.append(self._finished.get(timeout=max(0.0, seconds)))
            while True:
                finished.append(self._finished.get_nowait())
        return finished


def receipt_kind(status: int) -> ReceiptKind:
    """Return the receipt's kind for a response's status."""
    if 200 <= status < 300:
        return "arrived"
    return "refused" if status in REFUSED_STATUSES else "failed"


def _make_body(end: ConversationEnd) -> bytes:
    """Return the request's body for an end."""
    return msgspec.json.encode(
        {
            "type": "conversation.ended",
            "timestamp": end.ended_at,
            "data": msgspec.Raw(end.as_json()),
        }
    )


def _says_no_way(error: Exception) -> bool:
    """Return whether the network may have no way to the host, or to a DNS server that knows it."""
    return isinstance(error, socket.gaierror) or (
        isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    )


def _describe(error: Exception) -> str:
    """Return a description of an error that contains no host names, as its own text could."""
    match error:
        case AddressRefused():
            return str(error)
        case socket.gaierror():
            return "the host's name cannot be resolved"
        case ssl.SSLCertVerificationError():
            return "the host's certificate was not accepted"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return f"the connection failed ({type(error).__name__})"
