"""Connections to the webhook's URL, which go only to allowed addresses and can be aborted."""

import http.client
import io
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from urllib3.util import wait_for_read

from deadline import Deadline, LimitedStream
from destinations.webhook_addresses import is_loopback, is_public
from destinations.webhook_response import WholeResponse

Resolver = Callable[[str, int], Sequence[str]]
"""Takes a host and a port, and returns the host's IP addresses."""

# Load balancers commonly close an idle connection after 60 seconds.
MAX_IDLE_SECONDS = 50.0
# A response's body is read only so that the connection can be reused. If a body is longer than
# this, or takes longer, the connection is closed instead.
MAX_BODY_BYTES = 16 * 1024
MAX_BODY_SECONDS = 0.5


class AddressRefused(Exception):
    """The host has an address that is not allowed. The exception's text is for the log."""


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Return a host's IP addresses, without duplicates, in the system's order of preference."""
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in results))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The webhook's URL in parts, and the rules for the addresses that connections may go to.

    Attributes
    ----------
    target
        The URL's path and query.
    tls
        The TLS context; None for http, which is allowed for loopback addresses only.
    allow_private
        Whether https is allowed for addresses that are not public.
    """

    host: str
    port: int
    target: str
    tls: ssl.SSLContext | None
    allow_private: bool
    resolve: Resolver = resolve_host

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        allow_private: bool,
        resolve: Resolver = resolve_host,
        tls: ssl.SSLContext | None = None,
    ) -> "Endpoint":
        """Return the endpoint for a URL.

        Parameters
        ----------
        tls
            The TLS context for https; tests pass their own. The default context trusts the system's
            certificate authorities and checks host names.

        Raises
        ------
        ValueError
            If the URL is neither http nor https, or has no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            # The error message omits http:, which is only for loopback addresses.
            raise ValueError("webhook_url must be a URL that begins with https:")
        is_https = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(
            host=parts.hostname,
            port=parts.port or (443 if is_https else 80),
            # Encode the characters that a request may not contain. `%` remains, because it begins
            # a character that is encoded already.
            target=quote(target, safe="!#$%&'()*+,/:;=?@[]~"),
            tls=(tls or ssl.create_default_context()) if is_https else None,
            allow_private=allow_private,
            resolve=resolve,
        )

    def allows(self, address: str) -> bool:
        """Return whether connections may go to an address."""
        if self.tls is None:
            return is_loopback(address)
        return self.allow_private or is_public(address)

    def resolve_allowed(self) -> Sequence[str]:
        """Return the host's addresses.

        Raises
        ------
        AddressRefused
            If one of them is not allowed, even if the others are: which one is called would depend
            on whoever answers for the host's name.
        OSError
            If the host's name cannot be resolved.
        """
        addresses = self.resolve(self.host, self.port)
        refused_count = sum(not self.allows(address) for address in addresses)
        if refused_count:
            raise AddressRefused(_explain_refusal(refused_count, len(addresses), self.tls is None))
        return addresses


def _explain_refusal(refused_count: int, count: int, is_http: bool) -> str:
    subject = "the host's address is"
    if count > 1:
        verb = "is" if refused_count == 1 else "are"
        subject = f"{refused_count} of the host's {count} addresses {verb}"
    if is_http:
        return f"{subject} not of this machine; use https for another machine"
    return f"{subject} not public; set webhook_allow_private if this is intended"


class Connection(http.client.HTTPConnection):
    """A connection to an allowed address of an endpoint.

    Attributes
    ----------
    last_used_at
        The epoch seconds of the last response; 0 before the first response.
    deadline
        The deadline of the call that uses the connection.
    """

    response_class = WholeResponse

    def __init__(self, endpoint: Endpoint, deadline: Deadline) -> None:
        # The base class omits this port from the Host header.
        self.default_port = 443 if endpoint.tls else 80
        super().__init__(endpoint.host, endpoint.port)
        self.endpoint = endpoint
        self.deadline = deadline
        self.last_used_at = 0.0
        # `abort` needs the socket even after the base class has handed it to a response and cleared
        # `sock`.
        self._open_socket: socket.socket | None = None

    def connect(self) -> None:
        """Connect to an address of the host; with https, check the host's certificate.

        Raises
        ------
        AddressRefused, OSError
        """
        endpoint = self.endpoint
        self.sock = self._open_socket = self._connect_to_any(endpoint.resolve_allowed())
        self._open_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.tls:
            # `wrap_socket` takes the old socket over. The handshake is a separate step, so that
            # `abort` can shut the new socket down while the handshake hangs.
            tls_socket = endpoint.tls.wrap_socket(
                self._open_socket, server_hostname=endpoint.host, do_handshake_on_connect=False
            )
            self.sock = self._open_socket = tls_socket
            self.limit_waits_to_deadline()
            tls_socket.do_handshake()

    def _connect_to_any(self, addresses: Sequence[str]) -> socket.socket:
        """Return a socket to the first address that accepts.

        The remaining time is divided equally among the remaining addresses.
        """
        last_error: OSError = TimeoutError()
        for index, address in enumerate(addresses):
            seconds = self._remaining_seconds() / (len(addresses) - index)
            try:
                # The address is numeric, so the host's name is not resolved a second time.
                return socket.create_connection((address, self.port), timeout=seconds)
            except OSError as error:
                last_error = error
        raise last_error

    def limit_waits_to_deadline(self) -> None:
        """Limit waits on the socket to the time left before the deadline."""
        if self._open_socket:
            self._open_socket.settimeout(self._remaining_seconds())

    def read_body(self, response: http.client.HTTPResponse) -> bool:
        """Read a response's body; return whether the connection can be reused."""
        try:
            if response.fp and self._open_socket:
                limit = self.deadline.within(MAX_BODY_SECONDS)
                stream = LimitedStream(self._open_socket, response.fp, limit)
                response.fp = io.BufferedReader(stream)
                response.read(MAX_BODY_BYTES)
        except (OSError, http.client.HTTPException):
            return False
        # The response closes itself at the body's last byte. The connection has no `sock` if the
        # response's headers said that the receiver will close the connection.
        return response.isclosed() and self.sock is not None

    def _remaining_seconds(self) -> float:
        """Return the time left before the deadline; raise `TimeoutError` if there is none."""
        remaining = self.deadline.left()
        if remaining <= 0:
            raise TimeoutError
        return remaining

    def was_opened(self) -> bool:
        """Return whether there has been a connection, perhaps without TLS yet."""
        return self._open_socket is not None

    def is_reusable(self) -> bool:
        """Return whether the connection is open, and neither data nor a close has arrived."""
        return self.sock is not None and not wait_for_read(self.sock, timeout=0)

    def abort(self) -> None:
        """Shut the socket down, so that a thread that waits on the socket gets an error."""
        if open_socket := self._open_socket:
            with suppress(OSError):
                # `SSLSocket.shutdown` would discard TLS state that the call's thread uses.
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


class ConnectionPool:
    """Connections to an endpoint, kept open for later calls.

    `take` runs in the worker's thread, `keep` in the calls' threads. No lock is needed, because
    appending to a list and popping from it are atomic.

    Parameters
    ----------
    now
        Returns epoch seconds.
    """

    def __init__(self, endpoint: Endpoint, now: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._now = now
        self._idle: list[Connection] = []

    def take(self, deadline: Deadline) -> Connection:
        """Return an idle connection that seems reusable, or a new one that is not yet connected."""
        while self._idle:
            connection = self._idle.pop()
            idle_seconds = self._now() - connection.last_used_at
            if idle_seconds < MAX_IDLE_SECONDS and connection.is_reusable():
                connection.deadline = deadline
                return connection
            connection.close()
        return Connection(self._endpoint, deadline)

    def keep(self, connection: Connection) -> None:
        """Keep a connection whose response was read completely."""
        connection.last_used_at = self._now()
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
