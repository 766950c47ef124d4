"""What CloudFormation asks of the custom resource `Custom::GenesysSubscription`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from genesys.subscriptions import Subscription


class RequestError(Exception):
    """A request that cannot be carried out as it is."""


@dataclass(frozen=True, slots=True)
class Properties:
    """The custom resource's properties: where to log in, and which subscription is wanted."""

    login_url: str
    api_url: str
    secret_name: str
    wanted: Subscription

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> "Properties":
        """Return the properties; raise `RequestError` naming all that are missing or wrong."""
        texts = {
            key: properties.get(key)
            for key in (
                *("LoginUrl", "ApiUrl", "SecretName", "Name", "Description"),
                *("AttributeFilter", "QueueArn", "Region"),
            )
        }
        wrong = [key for key, value in texts.items() if not isinstance(value, str) or not value]
        types = properties.get("EventTypes")
        if not isinstance(types, list) or not types or not all(isinstance(t, str) for t in types):
            wrong.append("EventTypes")
            types = []
        wrong += [
            f"{key} (a plain https URL is required)"
            for key in ("LoginUrl", "ApiUrl")
            if key not in wrong and not _is_safe(str(texts[key]))
        ]
        if wrong:
            raise RequestError(f"Properties missing or wrong: {', '.join(wrong)}.")
        text = {key: str(value) for key, value in texts.items()}
        return cls(
            login_url=text["LoginUrl"].rstrip("/"),
            api_url=text["ApiUrl"].rstrip("/"),
            secret_name=text["SecretName"],
            wanted=Subscription(
                name=text["Name"],
                description=text["Description"],
                event_types=tuple(types),
                attribute_filter=text["AttributeFilter"],
                queue_arn=text["QueueArn"],
                region=text["Region"],
            ),
        )

    @property
    def api_host(self) -> str:
        return urlsplit(self.api_url).netloc.lower()

    @property
    def physical_id(self) -> str:
        """The resource's id: the same for every request, whatever Genesys Cloud's id is."""
        return f"{self.api_host}/{self.wanted.name}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of CloudFormation's.

    Attributes
    ----------
    kind
        What to do.
    physical_id
        The id that an earlier answer gave, or that CloudFormation invented when it had none;
        empty on Create.
    properties
        What should be.
    former_queue_arn
        On Update, the SQS queue of the properties before.
    """

    kind: Literal["Create", "Update", "Delete"]
    physical_id: str
    properties: Properties
    former_queue_arn: str | None

    @property
    def former_api_host(self) -> str:
        """The API host that an Update's resource was made at, whatever became of it since."""
        return self.physical_id.partition("/")[0]

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> "Request":
        """Return the request in a Lambda event; raise `RequestError` saying what is wrong."""
        kind = event.get("RequestType")
        if kind not in ("Create", "Update", "Delete"):
            raise RequestError(f"RequestType {kind!r} is not Create, Update or Delete.")
        former = (event.get("OldResourceProperties") or {}).get("QueueArn")
        return cls(
            kind=kind,
            physical_id=str(event.get("PhysicalResourceId") or ""),
            properties=Properties.parse(event.get("ResourceProperties") or {}),
            former_queue_arn=former if isinstance(former, str) else None,
        )


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
