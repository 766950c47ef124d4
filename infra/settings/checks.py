"""The checks of single settings: each returns the value to use, or says what would be right."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from destinations.registry import MODULES
from infra.settings.regions import DOMAINS

# Days that CloudWatch Logs can keep events, and the CDK's names for them.
RETENTION_DAYS = {
    1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS",
    30: "ONE_MONTH", 60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS", 150: "FIVE_MONTHS",
    180: "SIX_MONTHS", 365: "ONE_YEAR", 400: "THIRTEEN_MONTHS", 545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS", 1096: "THREE_YEARS", 1827: "FIVE_YEARS", 2192: "SIX_YEARS",
    2557: "SEVEN_YEARS", 2922: "EIGHT_YEARS", 3288: "NINE_YEARS", 3653: "TEN_YEARS",
}  # fmt: skip

DESTINATIONS = tuple(MODULES)
_MOST_QUEUES = 50
_QUEUE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# SQS takes queue names of 80 characters: this many are left beside "queue-ends-" and "-intake".
_STAGE = re.compile(r"(?=.{1,62}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,240}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_EMAIL = re.compile(r"[^\s@,<>\"]{1,64}@(?=.{1,240}$)([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
# An alarm's text is at most 1,024 characters long, the URL included.
_LONGEST_RUNBOOK_URL = 400
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_SECRET_ARN = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.*)")


@dataclass(frozen=True, slots=True)
class Between:
    """A check for a whole number within bounds, both included."""

    least: int
    most: int

    def __str__(self) -> str:
        """Return the bounds as a reference shows them."""
        return f"{self.least} to {self.most}"

    def __call__(self, value: int) -> int:
        """Return a number within the bounds."""
        if not self.least <= value <= self.most:
            raise ValueError(f"must be a whole number from {self}")
        return value


class OneOf:
    """A check for one of some words, in any case."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        """Return the words as a mistake shows them."""
        return ", ".join(self.words)

    def __call__(self, value: str) -> str:
        """Return the word in the case of the declaration."""
        by_folded = {word.casefold(): word for word in self.words}
        if value.casefold() not in by_folded:
            raise ValueError(f"must be one of {self}")
        return by_folded[value.casefold()]


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
    if not 1 <= len(value) <= _MOST_QUEUES:
        raise ValueError(f"must name 1 to {_MOST_QUEUES} queues; it names {len(value)}")
    ids = [str(queue_id).strip() for queue_id in value]
    bad = [queue_id for queue_id in ids if not _QUEUE_ID.fullmatch(queue_id)]
    return _listed(ids, bad, "ids are 1 to 64 letters, digits, - or _", "queue")


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
    bad = [name for name in names if name not in DESTINATIONS]
    return _listed(names, bad, f"must be {choice}", "destination")


def emails(value: Sequence[object]) -> tuple[str, ...]:
    """Check the addresses that alarms are mailed to; there may be none."""
    addresses = [str(address).strip() for address in value]
    bad = [address for address in addresses if not _EMAIL.fullmatch(address)]
    right = "must be e-mail addresses such as on-call@example.com"
    return _listed(addresses, bad, right, "address", same=str.casefold)


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
        return False  # a name: its address is known when it is called
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


def _listed(
    values: list[str], bad: list[str], right: str, noun: str, same: Callable[[str], str] = str
) -> tuple[str, ...]:
    """Return values of which none is bad and no two are the same."""
    if bad:
        raise ValueError(f"{right}; not so: {', '.join(map(repr, bad))}")
    times = Counter(map(same, values))
    if twice := sorted(value for value in times if times[value] > 1):
        raise ValueError(f"must name each {noun} once; more than once: {', '.join(twice)}")
    return tuple(values)


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
