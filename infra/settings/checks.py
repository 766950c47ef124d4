"""The checks of single settings: each returns the value to use, or says what would be right."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from infra.settings.regions import DOMAINS

# Days that CloudWatch Logs can keep events, and CDK's names for them.
RETENTION_DAYS = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    120: "FOUR_MONTHS",
    150: "FIVE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS",
    1096: "THREE_YEARS",
    1827: "FIVE_YEARS",
    2192: "SIX_YEARS",
    2557: "SEVEN_YEARS",
    2922: "EIGHT_YEARS",
    3288: "NINE_YEARS",
    3653: "TEN_YEARS",
}

# SQS takes queue names of 80 characters: this many are left beside "queue-ends-" and "-intake".
_STAGE = re.compile(r"(?=.{1,62}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_MOST_QUEUES = 50
_QUEUE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
DESTINATIONS = ("actions", "bus", "webhook", "archive")
_DOMAIN = re.compile(r"(?=.{1,240}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_EMAIL = re.compile(r"[^\s@,<>\"]{1,64}@(?=.{1,240}$)([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
# What an alarm says is at most 1,024 characters long, the URL included.
_LONGEST_RUNBOOK_URL = 400
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_SECRET_ARN = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.*)")

Check = Callable[[Any], Any]


def whole_number(least: int, most: int) -> Check:
    """Return a check for a whole number within bounds, both included."""

    def check(value: int) -> int:
        if not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return check


def one_of(*words: str) -> Check:
    """Return a check for one of some words, in whatever case they are written."""

    def check(value: str) -> str:
        by_folded = {word.casefold(): word for word in words}
        if value.casefold() not in by_folded:
            raise ValueError(f"must be one of {', '.join(words)}")
        return by_folded[value.casefold()]

    return check


def stage(value: str) -> str:
    """Check the name of a stage, which is a part of names in AWS."""
    if not _STAGE.fullmatch(value):
        raise ValueError(
            "must be 1 to 62 lower-case letters, digits or hyphens, no hyphen first or last"
        )
    return value


def queue_ids(value: Sequence[object]) -> tuple[str, ...]:
    """Check the ids of Genesys Cloud queues; they go into a filter expression between quotes."""
    if not all(isinstance(queue_id, str) for queue_id in value):
        raise ValueError("must be a list of texts, each id in quotes")
    ids = [str(queue_id).strip() for queue_id in value]
    if not 1 <= len(ids) <= _MOST_QUEUES:
        raise ValueError(f"must name 1 to {_MOST_QUEUES} queues; it names {len(ids)}")
    if bad := [queue_id for queue_id in ids if not _QUEUE_ID.fullmatch(queue_id)]:
        raise ValueError(
            f"ids are 1 to 64 letters, digits, - or _; not so: {', '.join(map(repr, bad))}"
        )
    if twice := sorted({queue_id for queue_id in ids if ids.count(queue_id) > 1}):
        raise ValueError(f"must name each queue once; more than once: {', '.join(twice)}")
    return tuple(ids)


def environment(value: str) -> str:
    """Check an org's domain, or the name of its AWS region; return the domain."""
    name = value.lower()
    if name in DOMAINS:
        return DOMAINS[name]
    bare = re.sub(r"^(api|login|apps)\.", "", re.sub(r"^[a-z]+://", "", name).split("/")[0])
    if bare != name:
        fitting = bare if _DOMAIN.fullmatch(bare) else "mypurecloud.com"
        raise ValueError(f'must be the domain alone: write "{fitting}"')
    if not _DOMAIN.fullmatch(name):
        raise ValueError(
            "must be the org's domain, such as mypurecloud.ie, "
            f"or its AWS region, one of {', '.join(DOMAINS)}"
        )
    return name


def destinations(value: Sequence[object]) -> tuple[str, ...]:
    """Check the names of destinations; they are called in this order."""
    names = [str(name).strip().lower() for name in value]
    choice = f"any of {', '.join(DESTINATIONS)}"
    if not names:
        raise ValueError(f"must name at least one: {choice}")
    if bad := [name for name in names if name not in DESTINATIONS]:
        raise ValueError(f"must be {choice}; not so: {', '.join(map(repr, bad))}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"must name each destination once; more than once: {', '.join(twice)}")
    return tuple(names)


def base_url(value: str) -> str:
    """Check the base URL of a Genesys Cloud host, a proxy or a stand-in; drop the last slash."""
    right = "must be a URL such as https://api.mypurecloud.com"
    if "?" in value or "#" in value:
        raise ValueError(f"{right}, without a query or fragment")
    return _url(value, right).rstrip("/")


def webhook_url(value: str) -> str:
    """Check the URL that ends are posted to."""
    right = "must be a URL such as https://example.com/conversation-ended"
    if "#" in value:
        raise ValueError(f"{right}, without a fragment (#)")
    return _url(value, right)


def is_private(url: str) -> bool:
    """Say whether a URL names an IP address that is not public, other than loopback over http."""
    parts = urlsplit(url)
    try:
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return False  # a name: where it leads is known when it is called
    address = getattr(address, "ipv4_mapped", None) or address
    return not address.is_global and not (parts.scheme == "http" and address.is_loopback)


def secret_name(value: str) -> str:
    """Check the name of a secret in Secrets Manager."""
    if arn := _SECRET_ARN.fullmatch(value):
        name = re.sub(r"-[A-Za-z0-9]{6}$", "", arn[1])
        raise ValueError(f'must be the name of the secret, not its ARN: write "{name}"')
    if not _SECRET_NAME.fullmatch(value):
        raise ValueError("must be a secret's name: 1 to 512 letters, digits or / _ + = . @ -")
    return value


def account_id(value: str) -> str:
    """Check the number of an AWS account."""
    if not re.fullmatch(r"[0-9]{12}", value):
        raise ValueError("must be an AWS account: 12 digits, in quotes")
    return value


def emails(value: Sequence[object]) -> tuple[str, ...]:
    """Check the addresses that alarms are mailed to; none is as good."""
    addresses = [str(address).strip() for address in value]
    if bad := [address for address in addresses if not _EMAIL.fullmatch(address)]:
        raise ValueError(
            "must be e-mail addresses such as on-call@example.com; not so: "
            f"{', '.join(map(repr, bad))}"
        )
    folded = [address.casefold() for address in addresses]
    if twice := sorted({address for address in folded if folded.count(address) > 1}):
        raise ValueError(f"must name each address once; more than once: {', '.join(twice)}")
    return tuple(addresses)


def runbook_url(value: str) -> str:
    """Check where docs/runbook.md can be read: a URL, or a path within the repository."""
    right = "must be where docs/runbook.md can be read, such as https://example.com/docs/runbook.md"
    if re.search(r"[^!-~]|[#()<>\"\\\[\]]", value) or not value:
        raise ValueError(f"{right}, without spaces, brackets, quotes or a fragment (#)")
    if len(value) > _LONGEST_RUNBOOK_URL:
        raise ValueError(
            f"{right}, in {_LONGEST_RUNBOOK_URL} characters or fewer; it has {len(value)}"
        )
    return _url(value, right) if "://" in value else value


def retention_days(value: int) -> int:
    """Check for how long logs are kept."""
    if value not in RETENTION_DAYS:
        allowed = ", ".join(map(str, RETENTION_DAYS))
        raise ValueError(f"must be a number of days that CloudWatch Logs knows: {allowed}")
    return value


def _url(value: str, right: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{right} ({error})") from None
    if "@" in parts.netloc:
        raise ValueError(f"{right}, without a user name or password in it")
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[^!-~]|[\\\"<>]", value):
        raise ValueError(right)
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must begin with https: (http is for this machine's own addresses only)")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
