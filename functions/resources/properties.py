"""Validates a custom resource's properties; one error lists all invalid properties."""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from genesys.errors import UserFacingError

Check = tuple[Callable[[str], object], str]
"""A predicate for a string property, and the error message's description of a valid value."""


class InvalidProperties(UserFacingError):
    """Properties are missing or invalid (see the message), or the resource type is unknown."""


def validate(
    properties: Mapping[str, Any],
    string_keys: Iterable[str],
    list_keys: Iterable[str],
    property_checks: Mapping[str, Check],
) -> Mapping[str, Any]:
    """Return the properties unchanged; raise `InvalidProperties` if any is missing or invalid."""
    invalid_keys = [key for key in string_keys if not _is_string(properties.get(key))]
    invalid_keys += [key for key in list_keys if not _is_string_list(properties.get(key))]
    failed_checks = [
        f"{key} ({required_form})"
        for key, (is_valid, required_form) in property_checks.items()
        if key not in invalid_keys and not is_valid(properties[key])
    ]
    if invalid_keys or failed_checks:
        mistakes = ", ".join(invalid_keys + failed_checks)
        raise InvalidProperties(f"Properties missing or wrong: {mistakes}.")
    return properties


def _is_string(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_string_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _is_safe_base_url(url: str) -> bool:
    return not re.search("[?#]", url) and is_safe_url(url)


def is_safe_url(url: str) -> bool:
    """Return whether secrets may be sent to a URL: to any https URL, or to http on this machine."""
    # Characters that could hide the real host.
    if re.search(r"[^!-~]|[\\@]", url):
        return False
    try:
        # The requests library uses this parser, too, so it sends to the host that is checked here.
        parts = parse_url(url)
    except LocationParseError:
        return False
    if not parts.host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


_SAFE_URL_CHECK: Check = (_is_safe_base_url, "a plain https URL is required")
COMMON_CHECKS: Mapping[str, Check] = {"LoginUrl": _SAFE_URL_CHECK, "ApiUrl": _SAFE_URL_CHECK}
"""The checks that apply to every resource, keyed by property name."""
