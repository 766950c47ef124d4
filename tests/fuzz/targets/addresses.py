"""The webhook's addresses, URLs and keys: none that is not public, none that means two things."""

import base64
import ipaddress
import re
from collections.abc import Sequence
from random import Random

import pytest

from destinations.webhook_connection import Endpoint
from destinations.webhook_signature import parse_keys
from infra.settings import checks
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Case, check, is_clean

# The blocks of the IANA IPv4 and IPv6 Special-Purpose Address Registries that are not globally
# reachable, and those that are deprecated, multicast, reserved or local to a site.
_IPV4 = ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"]
_IPV4 += ["172.16.0.0/12"]
_IPV4 += ["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"]
_IPV4 += ["203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "192.0.0.0/29"]
_IPV6 = ["::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001:2::/48"]
_IPV6 += ["fec0::/10"]
_IPV6 += ["2001:10::/28", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20", "5f00::/16"]
_IPV6 += ["fc00::/7"]
_IPV6 += ["fe80::/10", "ff00::/8", "4000::/3", "::/96"]
_SPECIAL = [ipaddress.ip_network(each) for each in (*_IPV4, *_IPV6)]
_PUBLIC = ["8.8.8.8", "1.1.1.1", "52.95.110.1", "2606:4700:4700::1111", "2600:1f18::1"]
_PUBLIC += ["2a00:1450::1"]
# How an IPv6 address carries an IPv4 address: the prefix, and the bits behind the address.
_CARRIERS = [("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80)]
_URLS = ["https://hooks.example.com/in?tenant=7", "http://127.0.0.1:8080/"]
_URLS += ["https://[2600:1f18::1]:443/x"]
_URLS += ["https://10.0.0.1/", "https://[::ffff:10.0.0.1]/", "http://localhost"]
_URLS += ["https://a.example"]
_URLS += ["https://ex%61mple.com/", "https://0x7f.1/", "https://2130706433/"]
_URLS += ["https://a.example:65536/"]
_URLS += ["https://a.example\\@b.example/", "https://u:p@a.example/", "https://[fe80::1%25eth0]/"]
_KEYS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_YQ==", "whsec_", "whsec_" + "QUJD" * 30]
_PUBLIC_TLS = Endpoint.from_url("https://a.example/", allow_private=False)
_LOCAL = Endpoint.from_url("http://127.0.0.1/", allow_private=True)


class AddressesTarget:
    """Two IP addresses, a URL and a secret with keys."""

    inputs_per_case = 4

    def __init__(self, _: pytest.MonkeyPatch) -> None:
        pass

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        seed = mutator.choice(kept) if kept and mutator.chance(0.2) else None
        return {
            "addresses": [_address(mutator.random) for _ in range(2)],
            "url": mutator.text(seed["url"] if seed else mutator.choice(_URLS)),
            "keys": " ".join(
                mutator.text(mutator.choice(_KEYS)) for _ in range(mutator.choice((1, 1, 1, 2)))
            ),
        }

    def run(self, case: Case) -> str:
        outcomes = [_run_address(each) for each in case["addresses"]]
        return " | ".join([*outcomes, _run_url(case["url"]), _run_keys(case["keys"])])


def _address(random: Random) -> str:
    kind = random.random()
    if kind < 0.1:
        return random.choice(_PUBLIC)
    block = random.choice(_SPECIAL)
    near = int(block.network_address) + random.choice((-1, 0, 1, block.num_addresses // 2))
    near = random.choice((near, int(block.broadcast_address) + random.choice((-1, 0, 1))))
    version = block.version
    if kind < 0.3:
        near, version = random.getrandbits(random.choice((32, 128))), random.choice((4, 6))
    near %= 1 << (32 if version == 4 else 128)
    if version == 4 and kind > 0.6:
        prefix, shift = random.choice(_CARRIERS)
        return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | near << shift))
    return str(ipaddress.IPv4Address(near) if version == 4 else ipaddress.IPv6Address(near))


def _run_address(text: str) -> str:
    address = ipaddress.ip_address(text)
    is_public = _PUBLIC_TLS.allows(text)
    carried = _carried(address)
    special = [
        block for block in _SPECIAL for each in (address, carried) if each and _is_in(each, block)
    ]
    if carried and special and all(str(block) in ("::/96", "2001::/23") for block in special):
        special = []
    check(not (is_public and special), "an address counts as public", (text, special))
    check(is_public or text not in _PUBLIC, "a public address counts as private", text)
    check(_LOCAL.allows(text) == _is_loopback(address), "another loopback address", text)
    return f"{address.version} {is_public} {bool(carried)}"


def _is_in(address: object, block: object) -> bool:
    return getattr(address, "version", 0) == block.version and address in block  # type: ignore[attr-defined, operator]


def _carried(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that packets to an IPv6 address may reach."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    number = int(address)
    for prefix, shift in _CARRIERS:
        if (number >> (shift + 32)) == int(ipaddress.IPv6Address(prefix)) >> (shift + 32):
            return ipaddress.IPv4Address(number >> shift & 0xFFFFFFFF)
    return None


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _run_url(url: str) -> str:
    """Look at how a URL is read, by the setting's check and by the worker."""
    try:
        checked = checks.webhook_url(url)
    except ValueError as error:
        check(str(error).startswith("must "), "an unclear requirement", error)
        accepted = False
    else:
        accepted = True
        check(is_clean(checked) and checked.isascii(), "an accepted URL is not clean", ascii(url))
    try:
        endpoint = Endpoint.from_url(url, allow_private=False, tls=_PUBLIC_TLS.tls)
    except ValueError:
        # The message stands in no log: the worker does not start.
        check(not accepted, "the worker refuses a URL that the setting accepts", ascii(url))
        return "refused"
    check(re.fullmatch(r"/[!-~]*", endpoint.target), "an odd target", ascii(endpoint.target))
    if not accepted:
        return "read"
    host, port = endpoint.host, endpoint.port
    check(re.fullmatch(r"[^\x00-\x20/\\?#@<>\"\x7f-\U0010ffff]+", host), "an odd host", ascii(host))
    check(0 < port < 65_536, "an odd port", port)
    return "accepted"


def _run_keys(secret: str) -> str:
    try:
        keys = parse_keys(secret)
    except ValueError:
        return "no keys"
    for key, word in zip(keys, secret.split(), strict=True):
        check(24 <= len(key) <= 64, "a key of another length than 24 to 64 bytes", len(key))
        written = base64.b64encode(key).decode()
        check(
            word == f"whsec_{written}" or word.rstrip("=") == f"whsec_{written}".rstrip("="),
            "a key that is read differently",
            word,
        )
    return f"{len(keys)} keys"
