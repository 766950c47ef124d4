"""Connections to the webhook's origin: to a checked address, and to be broken off from outside."""

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

# Seconds for which an unused connection is kept; load balancers close it after a minute.
IDLE_LIMIT = 50.0

# RFC 6052: the IPv6 address of an IPv4 host behind NAT64.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 4291: IPv6's global unicast addresses.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class AddressRefused(Exception):
    """The host has no address that may be called."""


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Return a host's addresses, the preferred one first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_public(address: str) -> bool:
    """Return whether an IP address is public, and so is any IPv4 address embedded in it."""
    parsed: Address = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved
    candidates = [parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())]
    if parsed in _NAT64:
        candidates.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
    if embedded := [str(ipv4) for ipv4 in candidates if ipv4]:
        return all(map(is_public, embedded))
    return parsed in _GLOBAL_UNICAST and parsed.is_global


@dataclass(frozen=True, slots=True)
class Origin:
    """The host that requests go to, and the part of the URL that they name.

    Attributes
    ----------
    target
        Path and query.
    tls
        Checks the host's certificate; None with http, which reaches loopback addresses only.
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
        """Return a URL's origin.

        Parameters
        ----------
        tls
            Replaces the default: the system's certificate authorities, host names checked.

        Raises
        ------
        ValueError
            If the URL does not begin with http or https, or has no host.
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
    """A connection to an origin, at the address that was checked.

    Attributes
    ----------
    used_at
        Epoch seconds of its last answer; 0 before the first.
    deadline
        The moment when the call that uses it must be over; set before each request.
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
        """Connect, and check the host's certificate where there is TLS.

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
            # The handshake comes later, so that a hanging one can be broken off.
            secured = origin.tls.wrap_socket(
                self._wire, server_hostname=origin.host, do_handshake_on_connect=False
            )
            self.sock = self._wire = secured
            self.limit_waits()
            secured.do_handshake()

    def _reached(self, addresses: Sequence[str]) -> socket.socket:
        """Return a socket to the first address that answers; each gets its share of the time."""
        failure: OSError = TimeoutError()
        for position, address in enumerate(addresses):
            share = self._left() / (len(addresses) - position)
            try:
                # The address is numeric, so that no name is resolved a second time.
                return socket.create_connection((address, self.port), timeout=share)
            except OSError as error:
                failure = error
        raise failure

    def limit_waits(self, seconds: float = 60.0) -> None:
        """Limit each wait for the other side to `seconds`, and to the time that is left."""
        if self._wire:
            self._wire.settimeout(min(seconds, self._left()))

    def _left(self) -> float:
        left = self.deadline.left()
        if left <= 0:
            raise TimeoutError
        return left

    def is_alive(self) -> bool:
        """Return whether it is open and nothing has come in, as fits an unused connection."""
        return self.sock is not None and not wait_for_read(self.sock, timeout=0)

    def break_off(self) -> None:
        """Break the connection off; the thread that waits for it meets an error."""
        if wire := self._wire:
            with suppress(OSError):
                # The base class's: the one of TLS drops the state that the waiting thread uses.
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
        """Return a kept connection that seems usable, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if self._now() - connection.used_at < IDLE_LIMIT and connection.is_alive():
                connection.deadline = deadline
                return connection
            connection.close()
        return Connection(self._origin, deadline)

    def keep(self, connection: Connection) -> None:
        """Keep a connection whose answer was read."""
        connection.used_at = self._now()
        self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()
