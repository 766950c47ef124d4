"""What is wanted in Genesys Cloud, and where: the properties of the custom resources.

The watchdog is given the same ones, to compare with what is there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from deadline import Deadline
from genesys.client import SCOPES, GenesysClient
from genesys.credentials import Credentials
from genesys.integration_spec import AwsTarget, IntegrationSpec
from genesys.subscriptions import SubscriptionSpec

SUBSCRIPTION = "Custom::GenesysSubscription"
EVENT_SOURCE = "Custom::GenesysEventSource"


class WrongProperties(Exception):
    """Properties that nothing can be made of; the text names all that are missing or wrong."""


@dataclass(frozen=True, slots=True)
class Properties:
    """A custom resource's properties: where to log in, and what is wanted there."""

    login_url: str
    api_url: str
    secret_name: str
    wanted: SubscriptionSpec | IntegrationSpec

    @classmethod
    def parse(cls, resource_type: str, properties: Mapping[str, Any]) -> "Properties":
        """Return the properties; raise `WrongProperties` if one is missing or wrong."""
        if resource_type not in _WANTED:
            raise WrongProperties(
                f"ResourceType {resource_type!r} is none of {', '.join(_WANTED)}."
            )
        texts, lists, wanted = _WANTED[resource_type]
        wrong = [key for key in (*_ACCESS, *texts) if not _is_text(properties.get(key))]
        wrong += [key for key in lists if not _is_list_of_texts(properties.get(key))]
        wrong += [
            f"{key} ({right})"
            for key, (is_right, right) in _CHECKS.items()
            if key in (*_ACCESS, *texts) and key not in wrong and not is_right(properties[key])
        ]
        if wrong:
            raise WrongProperties(f"Properties missing or wrong: {', '.join(wrong)}.")
        return cls(
            login_url=properties["LoginUrl"].rstrip("/"),
            api_url=properties["ApiUrl"].rstrip("/"),
            secret_name=properties["SecretName"],
            wanted=wanted(properties),
        )

    def client(self, credentials: Credentials, deadline: Deadline) -> GenesysClient:
        """Return the client that asks for what is wanted."""
        # An org that has no subscriptions may not know their scopes.
        scope = SCOPES if isinstance(self.wanted, SubscriptionSpec) else ""
        return GenesysClient(self.login_url, self.api_url, credentials, deadline, scope=scope)

    @property
    def noun(self) -> str:
        """What to call the thing that is wanted."""
        return "subscription" if isinstance(self.wanted, SubscriptionSpec) else "integration"

    @property
    def api_host(self) -> str:
        return urlsplit(self.api_url).netloc.lower()

    @property
    def physical_id(self) -> str:
        """The resource's id: the same for every request, whatever Genesys Cloud's id is.

        Another id on Update makes another resource, and the former one is deleted after it.
        """
        match self.wanted:
            case SubscriptionSpec(name=name):
                return f"{self.api_host}/{name}"
            case IntegrationSpec(name=name, feed=AwsTarget(account_id, region, suffix)):
                return f"{self.api_host}/{name}/{account_id}/{region}/{suffix}"


def feed_in(properties: Mapping[str, Any]) -> AwsTarget:
    """Return whom an integration with these properties feeds."""
    return AwsTarget(*(str(properties.get(key)) for key in ("AccountId", "Region", "Suffix")))


def _subscription_in(properties: Mapping[str, Any]) -> SubscriptionSpec:
    return SubscriptionSpec(
        name=properties["Name"],
        description=properties["Description"],
        event_types=tuple(properties["EventTypes"]),
        attribute_filter=properties["AttributeFilter"],
        queue_arn=properties["QueueArn"],
        region=properties["Region"],
    )


def _event_source_in(properties: Mapping[str, Any]) -> IntegrationSpec:
    return IntegrationSpec(
        name=properties["Name"],
        notes=properties["Notes"],
        feed=feed_in(properties),
        topics=tuple(properties["Topics"]),
    )


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


_ACCESS = ("LoginUrl", "ApiUrl", "SecretName")
_SAFE = (_is_safe, "a plain https URL is required")
_CHECKS: dict[str, tuple[Callable[[str], object], str]] = {
    "LoginUrl": _SAFE,
    "ApiUrl": _SAFE,
    "AccountId": (re.compile(r"[0-9]{12}").fullmatch, "twelve digits are required"),
    # Genesys Cloud takes no other suffix.
    "Suffix": (
        re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch,
        "1 to 64 letters, digits, '.', '-' or '_' are required: use a shorter stage name",
    ),
}
# A type's properties: those that are texts, those that are lists of texts, and what they make.
_WANTED: dict[
    str,
    tuple[
        tuple[str, ...],
        tuple[str, ...],
        Callable[[Mapping[str, Any]], SubscriptionSpec | IntegrationSpec],
    ],
] = {
    SUBSCRIPTION: (
        ("Name", "Description", "AttributeFilter", "QueueArn", "Region"),
        ("EventTypes",),
        _subscription_in,
    ),
    EVENT_SOURCE: (
        ("Name", "Notes", "AccountId", "Region", "Suffix"),
        ("Topics",),
        _event_source_in,
    ),
}
