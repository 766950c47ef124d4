"""The integrations of the Genesys Cloud stand-in: its *Amazon EventBridge source*.

Genesys Cloud's Integrations API, as its API reference and official SDK have it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from conversations.topics import CUSTOMER_END, TOPIC_PREFIX
from local.genesys.rest import bad_request, json_object, missing, not_allowed, not_found, page
from local.genesys.wire import Answer, Problem, Request

INTEGRATIONS = "/api/v2/integrations"
SOURCE_TYPE = "amazon-eventbridge-source"
PERMISSIONS = {
    "GET": "integrations:integration:view",
    "POST": "integrations:integration:add",
    "PUT": "integrations:integration:edit",
    "PATCH": "integrations:integration:edit",
    "DELETE": "integrations:integration:delete",
}
"""What each method needs of the client's role."""
SUFFIX = re.compile(r"[A-Za-z0-9._-]{1,64}")
# The states that take time, and what they become.
MOVING = {"ACTIVATING": "ACTIVE", "DEACTIVATING": "INACTIVE"}


@dataclass(frozen=True, slots=True)
class Feed:
    """Where an integration sends events, and which: those of its topics."""

    integration_id: str
    account: str
    region: str
    suffix: str
    topics: frozenset[str]


class Integration:
    """An integration as the org holds it, and the feed by which it delivers at present."""

    def __init__(self, name: str, type_id: str) -> None:
        self.id, self.name, self.type = str(uuid4()), name, type_id
        self.intended, self.state, self.error = "DISABLED", "INACTIVE", ""
        self.version, self.properties, self.notes = 1, dict[str, Any](), ""
        self.live: Feed | None = None
        self.removed = False
        self.moved_at, self.moved = 0.0, _now()

    def move(self, state: str, at: float, error: str = "") -> None:
        """Enter a state that takes time, until a moment; `error` is what becomes of it then."""
        self.state, self.moved_at, self.error, self.moved = state, at, error, _now()

    def settle(self, now: float) -> None:
        """Complete what takes time once its moment has come; it delivers as before until then."""
        if self.state not in MOVING or now < self.moved_at:
            return
        self.state = "ERROR" if self.error else MOVING[self.state]
        self.live = self._feed() if self.state == "ACTIVE" else None

    def _feed(self) -> Feed | None:
        if self.type != SOURCE_TYPE:
            return None
        return Feed(
            self.id,
            self.properties["awsAccountId"],
            self.properties["awsAccountRegion"],
            self.properties["eventSourceSuffix"],
            frozenset(self.properties["eventFilter"]),
        )

    def configuration(self) -> dict[str, Any]:
        """Return its configuration as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "properties": copy.deepcopy(self.properties),
            "advanced": {},
            "notes": self.notes,
            "credentials": {},
            "selfUri": f"{INTEGRATIONS}/{self.id}/config/current",
        }

    def entity(self, *, with_configuration: bool = True) -> dict[str, Any]:
        """Return it as the API shows it."""
        reported: dict[str, Any] = {"code": self.state, "lastUpdated": self.moved}
        if self.state == "ERROR":
            reported["detail"] = {
                "localizableMessageCode": "integration.error",
                "message": self.error,
                "messageWithParams": self.error,
            }
        return {
            "id": self.id,
            "name": self.name,
            "integrationType": {"id": self.type, "selfUri": f"{INTEGRATIONS}/types/{self.type}"},
            "notes": self.notes,
            "intendedState": self.intended,
            **({"config": {"current": self.configuration()}} if with_configuration else {}),
            "reportedState": reported,
            "attributes": {},
            "selfUri": f"{INTEGRATIONS}/{self.id}",
        }


class Integrations:
    """The integrations of an org, and what the API answers about them.

    Its attributes may be changed at any time.

    Attributes
    ----------
    types
        The integration types that the org may use.
    permissions
        What the role of the client permits of `PERMISSIONS`.
    state_seconds
        How long `ACTIVATING`, `DEACTIVATING` and a deletion take; `math.inf` means for ever.
    error
        Unless empty: what is wrong with an integration that should become active. It becomes
        `ERROR` instead, with this as its detail.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.types: Collection[str] = (SOURCE_TYPE, "custom-smtp-server")
        self.permissions: Collection[str] = frozenset(PERMISSIONS.values())
        self.state_seconds = 0.2
        self.error = ""
        self._clock = clock
        self._held: dict[str, Integration] = {}

    def held(self) -> list[Integration]:
        """Return the integrations in the order in which they were made, settled."""
        now = self._clock()
        for one in list(self._held.values()):
            one.settle(now)
            if one.removed and now >= one.moved_at:
                del self._held[one.id]
        return list(self._held.values())

    def seed(self, name: str, **properties: Any) -> dict[str, Any]:
        """Put an active one of somebody else in; return it as the API shows it.

        Parameters
        ----------
        properties
            Properties to set in the place of those of one that feeds a foreign account.
        """
        one = Integration(name, SOURCE_TYPE)
        one.properties = {
            "awsAccountId": "999999999999",
            "awsAccountRegion": "us-east-1",
            "eventSourceSuffix": name,
            "eventFilter": [TOPIC_PREFIX + CUSTOMER_END],
            **properties,
        }
        one.intended, one.version = "ENABLED", 2
        one.move("ACTIVATING", self._clock())
        one.settle(self._clock())
        self._held[one.id] = one
        return one.entity()

    def respond(self, request: Request) -> Answer:
        """Carry out a request whose path begins with `INTEGRATIONS`."""
        permission = PERMISSIONS.get(request.method)
        if not permission:
            raise not_allowed()
        if permission not in self.permissions:
            raise missing(permission)
        every = self.held()
        place = request.path.removeprefix(INTEGRATIONS).split("/")[1:]
        actions: dict[str, Callable[[Request, Integration], Answer]]
        match place:
            case []:
                if request.method == "GET":
                    return self._list(request, every)
                if request.method == "POST":
                    return self._post(request)
                raise not_allowed()
            case [_]:
                actions = {"GET": self._get, "PATCH": self._patch, "DELETE": self._delete}
            case [_, "config", "current"]:
                actions = {"GET": self._get_configuration, "PUT": self._put_configuration}
            case _:
                raise not_found()
        if place[0] not in self._held:
            raise not_found(f"No integration with id {place[0]}.")
        action = actions.get(request.method)
        if not action:
            raise not_allowed()
        return action(request, self._held[place[0]])

    def _list(self, request: Request, every: list[Integration]) -> Answer:
        expanded = "config.current" in request.query.get("expand", "").split(",")
        return page(request, every, lambda one: one.entity(with_configuration=expanded))

    def _post(self, request: Request) -> Answer:
        match json_object(request):
            case {"integrationType": {"id": str(type_id)}, **rest} if type_id:
                pass
            case _:
                raise bad_request("integrationType {id} is required.")
        if type_id not in self.types:
            raise bad_request(f"The integration type {type_id} is not available to this org.")
        name = rest.get("name", type_id)
        if not isinstance(name, str) or not name.strip():
            raise bad_request("name: expected a string.")
        one = Integration(name, type_id)
        self._held[one.id] = one
        return Answer(200, one.entity(with_configuration=False))

    def _get(self, request: Request, one: Integration) -> Answer:
        expanded = "config.current" in request.query.get("expand", "").split(",")
        return Answer(200, one.entity(with_configuration=expanded))

    def _get_configuration(self, _: Request, one: Integration) -> Answer:
        return Answer(200, one.configuration())

    def _put_configuration(self, request: Request, one: Integration) -> Answer:
        body = json_object(request)
        name, properties = body.get("name"), body.get("properties")
        if not isinstance(name, str) or not name.strip() or not isinstance(properties, dict):
            raise bad_request("name, version, properties, advanced and credentials are required.")
        if not isinstance(body.get("version"), int):
            raise bad_request("version: expected a number.")
        if one.type == SOURCE_TYPE:
            _validate(properties)
        if body["version"] != one.version:
            text = f"The configuration is of version {one.version}, not {body['version']}."
            raise Problem(409, "version.mismatch", text)
        one.name, one.properties, one.version = name, copy.deepcopy(properties), one.version + 1
        one.notes = str(body.get("notes") or "")
        if one.intended == "ENABLED":
            self._move(one, "ACTIVATING")
        return Answer(200, one.configuration())

    def _patch(self, request: Request, one: Integration) -> Answer:
        intended = json_object(request).get("intendedState", one.intended)
        if intended not in ("ENABLED", "DISABLED") or one.removed:
            raise bad_request(f"intendedState: expected ENABLED or DISABLED, got {intended}.")
        if intended == "ENABLED" and one.type == SOURCE_TYPE and not one.properties:
            raise bad_request("An integration that is not configured cannot be enabled.")
        if intended != one.intended:
            one.intended = intended
            self._move(one, "ACTIVATING" if intended == "ENABLED" else "DEACTIVATING")
        return Answer(200, one.entity(with_configuration=False))

    def _delete(self, _: Request, one: Integration) -> Answer:
        if one.intended == "ENABLED":
            raise bad_request("An integration that is enabled cannot be deleted.")
        one.removed, one.intended, one.live = True, "DELETED", None
        self._move(one, "DEACTIVATING")
        answer = one.entity(with_configuration=False)
        self.held()
        return Answer(200, answer)

    def _move(self, one: Integration, state: str) -> None:
        error = self.error if state == "ACTIVATING" else ""
        one.move(state, self._clock() + self.state_seconds, error)
        one.settle(self._clock())


def _validate(properties: dict[str, Any]) -> None:
    match properties:
        case {
            "awsAccountId": str(account),
            "awsAccountRegion": str(region),
            "eventSourceSuffix": str(suffix),
            "eventFilter": [str(), *_] as topics,
        }:
            pass
        case _:
            raise bad_request(
                "properties: awsAccountId, awsAccountRegion, eventSourceSuffix and eventFilter"
                " (a list of topics) are required."
            )
    if not re.fullmatch(r"\d{12}", account):
        raise bad_request(f"properties.awsAccountId: expected 12 digits, got {account}.")
    if not re.fullmatch(r"[a-z]+(-[a-z]+)+-\d", region):
        raise bad_request(f"properties.awsAccountRegion: expected a region, got {region}.")
    if not SUFFIX.fullmatch(suffix):
        raise bad_request(f"properties.eventSourceSuffix: not allowed: {suffix}.")
    for topic in topics:
        if not isinstance(topic, str) or not topic.startswith(TOPIC_PREFIX):
            raise bad_request(f"properties.eventFilter: unknown topic {topic}.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
