"""The addresses and certificates that the webhook accepts."""

import ipaddress
import socket
import ssl
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.destination import Receipt
from destinations.webhook_addresses import is_public
from destinations.webhook_connection import Connection, Endpoint, resolve_host
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import CERTIFICATE, Receiver, deliver_ends, webhook_to

NOT_PUBLIC = "the host's address is not public; set webhook_allow_private if this is intended"
NOT_LOOPBACK = "not of this machine; use https for another machine"
# Costs less than the default context, which reads the system's certificates.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
NOT_ACCEPTED = "the host's certificate was not accepted"


@pytest.fixture
def plain() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def secured() -> Iterator[Receiver]:
    with Receiver(tls=True) as receiver:
        yield receiver


@pytest.fixture
def trusting() -> ssl.SSLContext:
    """A TLS context that trusts the receiver's certificate."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


class FakeResolver:
    """A resolver that returns each of its results once, and the last one forever."""

    def __init__(self, *results: Sequence[str]) -> None:
        self._results = list(results)
        self.lookups: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.lookups.append((host, port))
        return self._results.pop(0) if len(self._results) > 1 else self._results[0]


SPECIAL = {
    "0.0.0.0/8": "RFC 791: this network",
    "10.0.0.0/8": "RFC 1918: private",
    "100.64.0.0/10": "RFC 6598: shared by carriers",
    "127.0.0.0/8": "RFC 1122: loopback",
    "169.254.0.0/16": "RFC 3927: link-local, with the metadata service",
    "172.16.0.0/12": "RFC 1918: private",
    "192.0.0.0/24": "RFC 6890: protocol assignments",
    "192.0.0.0/29": "RFC 7335: continuity of IPv4",
    "192.0.0.8/32": "RFC 7600: dummy address",
    "192.0.0.9/32": "RFC 7723: anycast of port control",
    "192.0.0.10/32": "RFC 8155: anycast of TURN",
    "192.0.0.170/31": "RFC 8880: discovery of NAT64",
    "192.0.2.0/24": "RFC 5737: documentation",
    "192.31.196.0/24": "RFC 7535: AS112",
    "192.52.193.0/24": "RFC 7450: multicast tunnels",
    "192.88.99.0/24": "RFC 7526: relays of 6to4, deprecated",
    "192.168.0.0/16": "RFC 1918: private",
    "192.175.48.0/24": "RFC 7534: AS112",
    "198.18.0.0/15": "RFC 2544: benchmarks",
    "198.51.100.0/24": "RFC 5737: documentation",
    "203.0.113.0/24": "RFC 5737: documentation",
    "224.0.0.0/4": "RFC 5771: multicast",
    "240.0.0.0/4": "RFC 1112: reserved",
    "255.255.255.255/32": "RFC 919: broadcast",
    "::/128": "RFC 4291: unspecified",
    "::1/128": "RFC 4291: loopback",
    "::/96": "RFC 4291: IPv4-compatible, deprecated",
    "::ffff:0:0:0/96": "RFC 2765: IPv4-translated",
    "64:ff9b:1::/48": "RFC 8215: local NAT64",
    "100::/64": "RFC 6666: discard",
    "100:0:0:1::/64": "RFC 9780: dummy prefix",
    "2001::/23": "RFC 2928: protocol assignments",
    "2001::/32": "RFC 4380: Teredo",
    "2001:1::1/128": "RFC 7723: anycast of port control",
    "2001:1::2/128": "RFC 8155: anycast of TURN",
    "2001:1::3/128": "RFC 9665: anycast of service registration",
    "2001:2::/48": "RFC 5180: benchmarks",
    "2001:3::/32": "RFC 7450: multicast tunnels",
    "2001:4:112::/48": "RFC 7535: AS112",
    "2001:10::/28": "RFC 4843: ORCHID, deprecated",
    "2001:20::/28": "RFC 7343: ORCHIDv2",
    "2001:30::/28": "RFC 9374: remote ids of drones",
    "2001:db8::/32": "RFC 3849: documentation",
    "2002::/16": "RFC 3056: 6to4",
    "2620:4f:8000::/48": "RFC 7534: AS112",
    "3fff::/20": "RFC 9637: documentation",
    "4000::/3": "RFC 4291: unassigned",
    "5f00::/16": "RFC 9602: segment routing",
    "fc00::/7": "RFC 4193: unique local, with the metadata service",
    "fe80::/10": "RFC 4291: link-local",
    "fec0::/10": "RFC 3879: site-local, deprecated",
    "ff00::/8": "RFC 4291: multicast",
}
"""The special-purpose blocks, with the document that gives each its purpose.

Sources: IANA's "IPv4 Special-Purpose Address Registry", "IPv6 Special-Purpose Address Registry" and
"Internet Protocol Version 6 Address Space".
"""
NEIGHBOURS = """
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.1.255
    192.0.3.0 192.31.195.255 192.31.197.0 192.52.192.255 192.52.194.0 192.88.98.255 192.88.100.0
    192.167.255.255 192.169.0.0 192.175.47.255 192.175.49.0 198.17.255.255 198.20.0.0
    198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
    2000:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200:: 2001:db7:ffff:ffff::1 2001:db9::
    2001:ffff:ffff:ffff::1 2003:: 2620:4f:7fff:ffff::1 2620:4f:8001:: 3ffe:ffff:ffff:ffff::1
    3fff:1000::
""".split()  # noqa: SIM905 - forty lines otherwise
"""Addresses right before and right after the special-purpose blocks."""
PUBLIC = ["8.8.8.8", "52.95.110.1", "2600:1f18::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = """
    10.0.0.1 127.0.0.1 127.8.8.8 169.254.169.254 ::1 ::127.0.0.1 ::8.8.8.8 fd00:ec2::254 fe80::1%1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:192.88.99.1
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::c058:6301 64:ff9b:1::808:808
    2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1
    2001:0:a00:1::f7f7:f7f7 2001:0:808:808::80ff:fffe 2001:0:808:808::f7f7:f7f7
    2600:1f18::5efe:10.0.0.1 2600:1f18::200:5efe:10.0.0.1 2600:1f18::5efe:8.8.8.8
""".split()  # noqa: SIM905 - forty lines otherwise
LOOPBACK = {"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize("block", SPECIAL, ids=lambda block: f"{block} {SPECIAL[block]}")
def test_no_address_of_a_special_purpose_block_is_public(block: str) -> None:
    network = ipaddress.ip_network(block)
    assert not is_public(str(network[0]))
    assert not is_public(str(network[-1]))
    if isinstance(network, ipaddress.IPv4Network):
        for prefix in ("::ffff:", "64:ff9b::"):
            assert not is_public(f"{prefix}{network[0]}")
            assert not is_public(f"{prefix}{network[-1]}")


@pytest.mark.parametrize("address", NEIGHBOURS)
def test_the_addresses_beside_a_special_purpose_block_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_an_address_that_this_python_calls_special_is_not_public(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if getattr(ip, "ipv4_mapped", None) is None:  # Versions differ on these.
        assert ip.is_global or not is_public(str(ip))


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE])
def test_http_reaches_loopback_only_and_https_public_addresses(address: str) -> None:
    assert is_public(address) == (address in PUBLIC)
    for allow_private in (False, True):
        http = Endpoint.from_url("http://localhost/", allow_private=allow_private)
        assert http.allows(address) == (address in LOOPBACK)
        https = Endpoint.from_url("https://a.example/", allow_private=allow_private, tls=TLS)
        assert https.allows(address) == (allow_private or address in PUBLIC)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254"])
def test_a_host_with_a_private_address_is_not_called(
    secured: Receiver, trusting: ssl.SSLContext, address: str
) -> None:
    with webhook_to(secured.url, resolve=FakeResolver([address]), tls=trusting) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(0, "failed", NOT_PUBLIC)
    assert secured.connection_count == 0


def test_an_address_in_the_url_is_checked_too(secured: Receiver) -> None:
    with webhook_to(f"https://127.0.0.1:{secured.port}/", tls=TLS) as webhook:
        assert deliver_ends(webhook)[0].detail == NOT_PUBLIC
    assert secured.connection_count == 0


def test_a_private_address_is_called_if_the_setting_allows_it(
    secured: Receiver, trusting: ssl.SSLContext
) -> None:
    resolver = FakeResolver(["127.0.0.1"])
    with webhook_to(secured.url, allow_private=True, resolve=resolver, tls=trusting) as webhook:
        for _ in range(3):
            assert deliver_ends(webhook)[0].kind == "arrived"
    assert resolver.lookups == [("webhook.test", secured.port)]
    assert secured.connection_count == 1
    assert secured.requests[0].headers["Host"] == f"webhook.test:{secured.port}"


def test_the_connection_goes_to_the_address_that_was_checked(plain: Receiver) -> None:
    resolver = FakeResolver(["127.0.0.1"], ["10.0.0.1"])
    with webhook_to(plain.url, resolve=resolver) as webhook:
        assert deliver_ends(webhook)[0].kind == "arrived"
        assert deliver_ends(webhook)[0].kind == "arrived"
        assert len(resolver.lookups) == 1
        plain.hang_up()
        assert deliver_ends(webhook)[0].detail == f"the host's address is {NOT_LOOPBACK}"
    assert plain.connection_count == 1


@pytest.mark.parametrize(
    ("addresses", "subject"),
    [
        (["127.0.0.1", "8.8.8.8"], "1 of the host's 2 addresses is"),
        (["8.8.8.8", "10.0.0.1", "fe80::1"], "2 of the host's 3 addresses are"),
        (["8.8.8.8", "64:ff9b::7f00:1"], "1 of the host's 2 addresses is"),
    ],
)
def test_a_host_of_which_one_address_is_private_is_not_called(
    addresses: list[str], subject: str
) -> None:
    resolver = FakeResolver(addresses)
    with webhook_to("https://a.example", resolve=resolver, tls=TLS) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(
            0, "failed", f"{subject} not public; set webhook_allow_private if this is intended"
        )


def test_a_host_of_which_one_address_is_not_loopback_is_not_called_over_http(
    plain: Receiver,
) -> None:
    resolver = FakeResolver(["127.0.0.1", "8.8.8.8"])
    with webhook_to(plain.url, resolve=resolver, allow_private=True) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(
            0, "failed", f"1 of the host's 2 addresses is {NOT_LOOPBACK}"
        )
    assert plain.connection_count == 0


def test_the_next_address_is_called_if_nobody_listens_at_the_first(plain: Receiver) -> None:
    with webhook_to(plain.url, resolve=FakeResolver(["127.0.0.9", "127.0.0.1"])) as webhook:
        assert deliver_ends(webhook)[0].kind == "arrived"


def test_the_time_is_divided_between_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, attempts = Clock(), []

    def hang(address: tuple[str, int], *, timeout: float) -> None:
        attempts.append((address, timeout))
        clock.sleep(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", hang)
    resolver = FakeResolver(["8.8.8.8", "8.8.4.4"])
    endpoint = Endpoint.from_url(
        "https://a.example", allow_private=False, resolve=resolver, tls=TLS
    )
    with pytest.raises(TimeoutError):
        Connection(endpoint, clock.deadline(10)).connect()
    assert attempts == [(("8.8.8.8", 443), 5), (("8.8.4.4", 443), 5)]


def test_a_certificate_of_an_unknown_authority_is_not_accepted(secured: Receiver) -> None:
    resolver = FakeResolver(["127.0.0.1"])
    with webhook_to(secured.url, allow_private=True, resolve=resolver) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(0, "failed", NOT_ACCEPTED)
    assert secured.requests == []


def test_a_certificate_for_another_name_is_not_accepted(
    secured: Receiver, trusting: ssl.SSLContext
) -> None:
    url = secured.url.replace("webhook.test", "other.test")
    resolver = FakeResolver(["127.0.0.1"])
    with webhook_to(url, allow_private=True, resolve=resolver, tls=trusting) as webhook:
        assert deliver_ends(webhook)[0] == Receipt(0, "failed", NOT_ACCEPTED)
    assert secured.requests == []


def test_proxies_in_the_environment_are_not_used(
    plain: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with webhook_to(plain.url) as webhook:
        assert deliver_ends(webhook)[0].kind == "arrived"


def test_localhost_has_an_address() -> None:
    assert {"127.0.0.1", "::1"} & set(resolve_host("localhost", 80))


@pytest.mark.parametrize(
    ("url", "port", "target"),
    [
        ("https://a.example", 443, "/"),
        ("https://a.example:8443/in?x=1&y=%20#top", 8443, "/in?x=1&y=%20"),
        ("https://a.example?x", 443, "/?x"),
        ("http://[::1]:8080/é x", 8080, "/%C3%A9%20x"),
        ("http://localhost/a%2Fb;c=(1)", 80, "/a%2Fb;c=(1)"),
    ],
)
def test_a_url_gives_port_and_target(url: str, port: int, target: str) -> None:
    endpoint = Endpoint.from_url(url, allow_private=False, tls=TLS)
    assert (endpoint.port, endpoint.target) == (port, target)
    assert (endpoint.tls is None) == url.startswith("http:")


@pytest.mark.parametrize("url", ["", "hooks.example.com", "ftp://a.example/", "https:///path"])
def test_an_error_names_the_setting_that_is_not_a_web_url(url: str) -> None:
    with pytest.raises(ValueError, match="webhook_url must be a URL that begins with https:"):
        Endpoint.from_url(url, allow_private=False)
