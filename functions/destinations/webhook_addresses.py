"""The IP addresses that are public, by tables that do not depend on Python's version."""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _networks(*blocks: str) -> Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(block) for block in blocks]


# The blocks of IANA's "IPv4 Special-Purpose Address Registry", as of November 2026, and multicast.
# A webhook's host is in none of them, not even in those that can be reached from everywhere, such
# as the anycast addresses of AS112. Python's `is_global` follows older editions of the registry.
_SPECIAL_IPV4 = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
# RFC 4291: the global unicast addresses of IPv6. All other addresses are special or unassigned.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# The blocks of IANA's "IPv6 Special-Purpose Address Registry" that are in 2000::/3. The first one
# includes Teredo.
_SPECIAL_IPV6 = _networks(
    "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"
)
# RFC 6052: the addresses in which NAT64 embeds IPv4 addresses.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 5214: the words before the IPv4 address that ISATAP embeds in the lower half of an address.
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: str) -> bool:
    """Return whether an IP address is public.

    An IPv4-mapped address, or one of NAT64's well-known prefix, is public if the IPv4 address in it
    is public. The addresses of all other tunnels and translators are not public.
    """
    ip = _parse(address)
    if ip in _NAT64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in block for block in _SPECIAL_IPV4)
    return (
        ip in _GLOBAL_UNICAST
        and not any(ip in block for block in _SPECIAL_IPV6)
        and (int(ip) >> 32) & 0xFFFFFFFF not in _ISATAP
    )


def is_loopback(address: str) -> bool:
    """Return whether an IP address, which may be IPv4-mapped, is of this machine."""
    return _parse(address).is_loopback


def _parse(address: str) -> Address:
    """Return an address; an IPv4-mapped one as the IPv4 address.

    Raises
    ------
    ValueError
        If the text is no IP address.
    """
    ip = ipaddress.ip_address(address)
    return getattr(ip, "ipv4_mapped", None) or ip
