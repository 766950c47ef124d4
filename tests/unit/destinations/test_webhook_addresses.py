"""The addresses and certificates that the webhook accepts."""

import socket
import ssl
from collections.abc import Iterator, Sequence

import pytest

from destinations.destination import Receipt
from destinations.webhook_connection import Connection, Endpoint, is_public, resolve_host
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import CERTIFICATE, Receiver, deliver_ends, webhook_to

NOT_PUBLIC = "the host's address is not public; set webhook_allow_private if this is intended"
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


PUBLIC = ["8.8.8.8", "52.95.110.1", "2600:1f18::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1
    224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 2002:7f00:1:: 2002:a9fe:a9fe::1
    2001:0:a00:1::f7f7:f7f7 2001:0:808:808::80ff:fffe
    2001:db8::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%1 fec0::1 ff02::1 100::1
""".split()  # noqa: SIM905 - forty lines otherwise


LOOPBACK = {"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"}


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
        assert deliver_ends(webhook)[0].detail == NOT_PUBLIC
    assert plain.connection_count == 1


def test_only_the_allowed_ones_of_several_addresses_are_called(plain: Receiver) -> None:
    resolver = FakeResolver(["10.0.0.1", "169.254.169.254", "127.0.0.1"])
    with webhook_to(plain.url, resolve=resolver) as webhook:
        assert deliver_ends(webhook)[0].kind == "arrived"


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
