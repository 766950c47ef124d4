"""Checks of single settings.

A check returns the value to use, or raises ValueError with the requirement as its message.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from conversations.fields import normalize_id
from destinations.registry import MODULES
from destinations.webhook_addresses import is_loopback, is_public

from .regions import DOMAINS

# Each retention that CloudWatch Logs supports, in days → its name in the CDK.
RETENTION_NAMES = {
    1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS",
    30: "ONE_MONTH", 60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS", 150: "FIVE_MONTHS",
    180: "SIX_MONTHS", 365: "ONE_YEAR", 400: "THIRTEEN_MONTHS", 545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS", 1096: "THREE_YEARS", 1827: "FIVE_YEARS", 2192: "SIX_YEARS",
    2557: "SEVEN_YEARS", 2922: "EIGHT_YEARS", 3288: "NINE_YEARS", 3653: "TEN_YEARS",
}  # fmt: skip

DESTINATIONS = tuple(MODULES)
_MAX_QUEUES = 50
_QUEUE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# An SQS queue name has at most 80 characters; "queue-ends-" and "-intake" take 18 of them. With
# `eventbridge`, combinations.py sets a lower limit, which leaves room for "-undelivered".
_STAGE = re.compile(r"(?=.{1,62}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# DNS allows 253 characters, of which a prefix such as "login." takes some.
_DOMAIN = re.compile(r"(?=.{1,240}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_EMAIL = re.compile(r"[^\s@,<>\"]{1,64}@(?=.{1,240}$)([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
# An alarm's description contains the URL, and has at most 1,024 characters.
_MAX_RUNBOOK_URL_CHARACTERS = 400
# Matches a space, a control character, or a character that is not ASCII.
_NOT_VISIBLE_ASCII = "[^!-~]"
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_SECRET_ARN = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.*)")


@dataclass(frozen=True, slots=True)
class Between:
    """Checks that a whole number lies between two limits, both included."""

    minimum: int
    maximum: int

    def __str__(self) -> str:
        return f"{self.minimum} to {self.maximum}"

    def __call__(self, value: int) -> int:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"must be a whole number from {self}")
        return value


class OneOf:
    """Checks that a string is one of these words, in upper or lower case."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return ", ".join(self.words)

    def __call__(self, value: str) -> str:
        """Return the word that equals the value except for its case."""
        words_by_casefold = {word.casefold(): word for word in self.words}
        if value.casefold() not in words_by_casefold:
            raise ValueError(f"must be one of {self}")
        return words_by_casefold[value.casefold()]


def check_stage(value: str) -> str:
    """Check the name of a stage, which becomes a part of names in AWS."""
    if not _STAGE.fullmatch(value):
        raise ValueError(
            "must be 1 to 62 lower-case letters, digits or hyphens, no hyphen first or last"
        )
    return value


def queue_ids(value: Sequence[object]) -> tuple[str, ...]:
    """Check Genesys Cloud queue ids, which must be safe between quotes in a filter.

    UUIDs are returned in lower case, as Genesys Cloud writes them. The subscription's filter and
    EventBridge's patterns compare ids exactly.
    """
    if not all(isinstance(queue_id, str) for queue_id in value):
        raise ValueError("must be a list of texts, each id in quotes")
    if not 1 <= len(value) <= _MAX_QUEUES:
        raise ValueError(f"must name 1 to {_MAX_QUEUES} queues; it names {len(value)}")
    ids = [normalize_id(str(queue_id).strip()) for queue_id in value]
    invalid = [queue_id for queue_id in ids if not _QUEUE_ID.fullmatch(queue_id)]
    return _check_list(ids, invalid, "ids are 1 to 64 letters, digits, - or _", "queue")


def environment(value: str) -> str:
    """Check the org's domain or AWS region, and return the domain in both cases."""
    name = value.lower()
    if name in DOMAINS:
        return DOMAINS[name]
    host = re.sub(r"^[a-z]+://", "", name).split("/")[0]
    domain = re.sub(r"^(api|login|apps)\.", "", host)
    if domain != name:
        suggestion = domain if _DOMAIN.fullmatch(domain) else "mypurecloud.com"
        raise ValueError(f'must be the domain alone: write "{suggestion}"')
    if not _DOMAIN.fullmatch(name):
        raise ValueError(
            "must be the org's domain, such as mypurecloud.ie, "
            f"or its AWS region, one of {', '.join(DOMAINS)}"
        )
    return name


def destinations(value: Sequence[object]) -> tuple[str, ...]:
    """Check the names of destinations."""
    names = [str(name).strip().lower() for name in value]
    choices = f"any of {', '.join(DESTINATIONS)}"
    if not names:
        raise ValueError(f"must name at least one: {choices}")
    unknown = [name for name in names if name not in DESTINATIONS]
    return _check_list(names, unknown, f"must be {choices}", "destination")


def emails(value: Sequence[object]) -> tuple[str, ...]:
    """Check the addresses that alarms are e-mailed to; an empty list is allowed."""
    addresses = [str(address).strip() for address in value]
    invalid = [address for address in addresses if not _EMAIL.fullmatch(address)]
    requirement = "must be e-mail addresses such as on-call@example.com"
    return _check_list(addresses, invalid, requirement, "address", normalize=str.casefold)


def base_url(value: str) -> str:
    """Check the base URL of Genesys Cloud or of a proxy, and remove trailing slashes."""
    requirement = "must be a URL such as https://api.mypurecloud.com"
    if "?" in value or "#" in value:
        raise ValueError(f"{requirement}, without a query or fragment")
    return _check_url(value, requirement).rstrip("/")


def webhook_url(value: str) -> str:
    """Check the URL of the destination `webhook`."""
    requirement = "must be a URL such as https://example.com/conversation-ended"
    if "#" in value:
        raise ValueError(f"{requirement}, without a fragment (#)")
    return _check_url(value, requirement)


def has_private_address(url: str) -> bool:
    """Return whether a URL's host is an IP address that is not public.

    An http URL to this machine, which `webhook_url` accepts, does not count.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        return not is_public(host) and not (parts.scheme == "http" and is_loopback(host))
    except ValueError:
        return False  # The host is a name, whose addresses the worker checks.


def secret_name(value: str) -> str:
    """Check the name of a secret in Secrets Manager."""
    if arn := _SECRET_ARN.fullmatch(value):
        # In the ARN, Secrets Manager appends six random characters to the name.
        name = re.sub(r"-[A-Za-z0-9]{6}$", "", arn[1])
        raise ValueError(f'must be the name of the secret, not its ARN: write "{name}"')
    if not _SECRET_NAME.fullmatch(value):
        raise ValueError("must be a secret's name: 1 to 512 letters, digits or / _ + = . @ -")
    return value


def account_id(value: str) -> str:
    """Check an AWS account id."""
    if not re.fullmatch(r"[0-9]{12}", value):
        raise ValueError("must be an AWS account id: 12 digits, in quotes")
    return value


def runbook_url(value: str) -> str:
    """Check the URL of docs/runbook.md, or its path within the repository."""
    example = "https://example.com/docs/runbook.md"
    requirement = f"must be the URL or path of docs/runbook.md, such as {example}"
    if not value or re.search(rf"{_NOT_VISIBLE_ASCII}|[#()<>\"\\\[\]]", value):
        raise ValueError(f"{requirement}, without spaces, brackets, quotes or a fragment (#)")
    if len(value) > _MAX_RUNBOOK_URL_CHARACTERS:
        raise ValueError(
            f"{requirement}, in {_MAX_RUNBOOK_URL_CHARACTERS} characters or fewer; "
            f"it has {len(value)}"
        )
    return _check_url(value, requirement) if "://" in value else value


def retention_days(value: int) -> int:
    """Check the retention of logs in days."""
    if value not in RETENTION_NAMES:
        allowed = ", ".join(map(str, RETENTION_NAMES))
        raise ValueError(f"must be a number of days that CloudWatch Logs knows: {allowed}")
    return value


def _check_list(
    values: list[str],
    invalid: list[str],
    requirement: str,
    noun: str,
    normalize: Callable[[str], str] = str,
) -> tuple[str, ...]:
    """Return the values if none of them is invalid or repeated.

    Two values count as the same if they are equal after `normalize`. `invalid` contains the values
    that the caller has found to be invalid.
    """
    if invalid:
        raise ValueError(f"{requirement}; invalid: {', '.join(map(repr, invalid))}")
    counts = Counter(map(normalize, values))
    if repeated := sorted(value for value in counts if counts[value] > 1):
        raise ValueError(f"must name each {noun} once; more than once: {', '.join(repeated)}")
    return tuple(values)


def _check_url(value: str, requirement: str) -> str:
    """Return the URL if it has no credentials and is https, or http to this machine."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # reading an invalid port raises ValueError
    except ValueError as error:
        raise ValueError(f"{requirement} ({error})") from None
    if "@" in parts.netloc:
        raise ValueError(f"{requirement}, without a user name or password in it")
    has_unsafe_character = re.search(rf"{_NOT_VISIBLE_ASCII}|[\\\"<>]", value)
    if parts.scheme not in {"http", "https"} or not host or has_unsafe_character:
        raise ValueError(requirement)
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must begin with https:// (http:// is only for addresses of this machine)")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return is_loopback(host)
    except ValueError:
        return host == "localhost"
