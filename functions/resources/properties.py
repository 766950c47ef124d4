"""The properties of a custom resource, checked: all that is wrong is named at once."""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from genesys.errors import Explained

Check = tuple[Callable[[str], object], str]
"""Whether a text has the right form, and that form in words."""


class InvalidProperties(Explained):
    """Properties that are missing or wrong; the text names all of them."""


def checked(
    properties: Mapping[str, Any],
    texts: Iterable[str],
    lists: Iterable[str],
    checks: Mapping[str, Check],
) -> Mapping[str, Any]:
    """Return the properties; raise `InvalidProperties` unless all named ones are right."""
    wrong = [key for key in texts if not _is_text(properties.get(key))]
    wrong += [key for key in lists if not _is_list_of_texts(properties.get(key))]
    wrong += [
        f"{key} ({form})"
        for key, (is_right, form) in checks.items()
        if key not in wrong and not is_right(properties[key])
    ]
    if wrong:
        raise InvalidProperties(f"Properties missing or wrong: {', '.join(wrong)}.")
    return properties


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _is_safe(url: str) -> bool:
    """Return whether secrets may be sent there: by https, or by http within this machine."""
    if re.search(r"[^!-~]|[\\@?#]", url):  # no part of a base URL, but good for disguises
        return False
    try:
        parts = parse_url(url)  # reads it as requests will
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


_SAFE: Check = (_is_safe, "a plain https URL is required")
CHECKS: Mapping[str, Check] = {"LoginUrl": _SAFE, "ApiUrl": _SAFE}
"""The form of the properties that every resource has."""
