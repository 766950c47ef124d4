"""Connections to one origin whose address is checked, and that can be broken off from outside."""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from urllib3.util import wait_for_read

from deadline import Deadline

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# Seconds for which an unused connection is kept; load balancers drop it after a minute.
IDLE_LIMIT = 50.0

# RFC 6052: the address of an IPv4 host as an IPv6 one behind NAT64 sees it.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 4291: what IPv6 has of globally routable unicast.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class AddressRefused(Exception):
    """The host's name leads to no address that may be called."""


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Return the addresses that a host's name stands for, the preferred one first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet's, and hides none that is not."""
    parsed: Address = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved
    hidden = [parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())]
    if parsed in _NAT64:
        hidden.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
    if embedded := [str(ipv4) for ipv4 in hidden if ipv4]:
        return all(map(is_public, embedded))
    return parsed in _GLOBAL_UNICAST and parsed.is_global


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go.

    Attributes
    ----------
    target
        Path and query.
    tls
        How the host proves its name; None with http, which reaches loopback addresses only.
    allow_private
        Whether https may go to addresses that are not public.
    """

    host: str
    port: int
    target: str
    tls: ssl.SSLContext | None
    allow_private: bool
    resolve: Resolve = addresses_of

    @classmethod
    def of(
        cls,
        url: str,
        *,
        allow_private: bool,
        resolve: Resolve = addresses_of,
        tls: ssl.SSLContext | None = None,
    ) -> "Origin":
        """Return what a URL names.

        Parameters
        ----------
        tls
            In place of the default: the system's certificate authorities, host names checked.

        Raises
        ------
        ValueError
            If it is no URL that begins with http or https and has a host.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("webhook_url must be a URL that begins with https:")
        secure = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(
            host=parts.hostname,
            port=parts.port or (443 if secure else 80),
            target=quote(target, safe="!#$%&'()*+,/:;=?@[]~"),
            tls=(tls or ssl.create_default_context()) if secure else None,
            allow_private=allow_private,
            resolve=resolve,
        )

    def may_reach(self, address: str) -> bool:
        """Return whether a connection may go to an address."""
        if self.tls is None:
            parsed = ipaddress.ip_address(address)
            return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback
        return self.allow_private or is_public(address)


class Connection(http.client.HTTPConnection):
    """A connection to an origin, at the very address that was checked.

    Attributes
    ----------
    used_at
        Epoch seconds of its last answer; 0 before the first.
    deadline
        When what goes on must be over; to be set before each request.
    """

    def __init__(self, origin: Origin, deadline: Deadline) -> None:
        # The base class leaves the port out of the Host header where it is the scheme's own.
        self.default_port = 443 if origin.tls else 80
        super().__init__(origin.host, origin.port)
        self.origin = origin
        self.deadline = deadline
        self.used_at = 0.0
        self._wire: socket.socket | None = None

    def connect(self) -> None:
        """Connect, and prove the host's name where there is TLS.

        Raises
        ------
        AddressRefused, OSError
        """
        origin = self.origin
        allowed = [
            address
            for address in origin.resolve(origin.host, origin.port)
            if origin.may_reach(address)
        ]
        if not allowed:
            raise AddressRefused
        self.sock = self._wire = self._reached(allowed)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if origin.tls:
            # The handshake apart, so that there is something to break off while it goes on.
            secured = origin.tls.wrap_socket(
                self._wire, server_hostname=origin.host, do_handshake_on_connect=False
            )
            self.sock = self._wire = secured
            self.hasten()
            secured.do_handshake()

    def _reached(self, addresses: Sequence[str]) -> socket.socket:
        """Return a socket to the first address that answers; each has its share of the time."""
        failure: OSError = TimeoutError()
        for position, address in enumerate(addresses):
            share = self._left() / (len(addresses) - position)
            try:
                # A numeric address: there is nothing to resolve a second time.
                return socket.create_connection((address, self.port), timeout=share)
            except OSError as error:
                failure = error
        raise failure

    def hasten(self, seconds: float = 60.0) -> None:
        """Let what comes next take `seconds` or what is left at most, between any two bytes."""
        if self._wire:
            self._wire.settimeout(min(seconds, self._left()))

    def _left(self) -> float:
        left = self.deadline.left()
        if left <= 0:
            raise TimeoutError
        return left

    def is_alive(self) -> bool:
        """Return whether it is open and silent, as an unused connection should be."""
        return self.sock is not None and not wait_for_read(self.sock, timeout=0)

    def break_off(self) -> None:
        """End it from another thread, which then meets an error in what it is waiting for."""
        if wire := self._wire:
            with suppress(OSError):
                # Of the base class: TLS's own would pull the ground from under that thread.
                socket.socket.shutdown(wire, socket.SHUT_RDWR)


class Connections:
    """Connections to an origin, kept for the next calls.

    Parameters
    ----------
    now
        Returns epoch seconds.
    """

    def __init__(self, origin: Origin, now: Callable[[], float]) -> None:
        self._origin = origin
        self._now = now
        self._idle: list[Connection] = []

    def take(self, deadline: Deadline) -> Connection:
        """Return a kept connection that seems usable, or else a new one."""
        while self._idle:
            connection = self._idle.pop()
            if self._now() - connection.used_at < IDLE_LIMIT and connection.is_alive():
                connection.deadline = deadline
                return connection
            connection.close()
        return Connection(self._origin, deadline)

    def keep(self, connection: Connection) -> None:
        """Take back a connection whose answer was read."""
        connection.used_at = self._now()
        self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()
