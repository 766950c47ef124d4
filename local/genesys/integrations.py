"""The stand-in's Integrations API, with the integration type *Amazon EventBridge source*.

Source: Genesys Cloud's API reference and official SDK.
"""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from conversations.topics import CUSTOMER_END, TOPIC_PREFIX
from local.genesys.entities import Entities, Entity, decode_body
from local.genesys.problems import Problem, bad_request, not_found
from local.http.messages import Answer, Request

INTEGRATIONS = "/api/v2/integrations"
SOURCE_TYPE = "amazon-eventbridge-source"
PERMISSIONS = {
    "GET": "integrations:integration:view",
    "POST": "integrations:integration:add",
    "PUT": "integrations:integration:edit",
    "PATCH": "integrations:integration:edit",
    "DELETE": "integrations:integration:delete",
}
RUNNING = ("ACTIVE", "ACTIVATING", "DEACTIVATING")
# For each state that an integration leaves after some time, the state that follows.
SUCCESSORS = {"ACTIVATING": "ACTIVE", "DEACTIVATING": "INACTIVE"}
GONE = ""
"""The state of an integration that is deleted."""


class _Type(msgspec.Struct):
    id: Annotated[str, Meta(min_length=1)]


class _New(msgspec.Struct, rename="camel"):
    integration_type: _Type
    name: Annotated[str, Meta(pattern=r"\S")] | None = None


class _Configuration(msgspec.Struct):
    name: Annotated[str, Meta(pattern=r"\S")]
    version: int
    properties: dict[str, Any]
    notes: str = ""


class _SourceProperties(msgspec.Struct, rename="camel"):
    aws_account_id: Annotated[str, Meta(pattern=r"^\d{12}$")]
    aws_account_region: Annotated[str, Meta(pattern=r"^[a-z]+(-[a-z]+)+-\d$")]
    event_source_suffix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    event_filter: Annotated[list[str], Meta(min_length=1)]


class _Switch(msgspec.Struct, rename="camel"):
    intended_state: Literal["ENABLED", "DISABLED"]
    notes: str | None = None


class Integrations(Entities):
    """The integrations of an org, by id.

    Attributes
    ----------
    types
        The integration types available to the org.
    permissions
        The permissions of the client's role: some or all of those in `PERMISSIONS`.
    state_seconds
        The duration of `ACTIVATING`, of `DEACTIVATING` and of a deletion; `math.inf` if they never
        end.
    error
        If not empty, an integration becomes `ERROR` with this detail instead of `ACTIVE`.
    expands
        Whether lists can show configurations.
    configuring_switches_off
        Whether a new configuration switches an integration off.
    on_source_created
        Called with the suffix of a partner event source when an integration becomes active.
    on_source_deleted
        Called with the suffix of a partner event source when its last integration is deleted.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(INTEGRATIONS, "integration", PERMISSIONS, clock)
        self.types: Collection[str] = (SOURCE_TYPE, "custom-smtp-server")
        self.permissions: Collection[str] = frozenset(PERMISSIONS.values())
        self.state_seconds = 0.2
        self.error = ""
        self.expands = True
        self.configuring_switches_off = False
        self.on_source_created: Callable[[str], object] = lambda _: None
        self.on_source_deleted: Callable[[str], object] = lambda _: None

    def seed(
        self,
        name: str,
        properties: Mapping[str, Any] | None = None,
        *,
        type_id: str = SOURCE_TYPE,
    ) -> str:
        """Add an integration and return its id; it is active if it has properties.

        Parameters
        ----------
        properties
            The configured properties; None for the properties of another AWS account.
        """
        if properties is None:
            properties = {
                "awsAccountId": "999999999999",
                "awsAccountRegion": "us-east-1",
                "eventSourceSuffix": name,
                "eventFilter": [f"{TOPIC_PREFIX}{CUSTOMER_END}"],
            }
        one = self._new(name, type_id)
        one["config"]["current"]["properties"] = copy.deepcopy(dict(properties))
        if properties:
            one |= {"intendedState": "ENABLED", "reportedState": {"code": "ACTIVE"}}
            self.active[one["id"]] = dict(properties)
        return str(one["id"])

    def configuration(self, integration_id: str) -> Entity:
        """Return an integration's configuration, which tests may change."""
        current: Entity = self[integration_id]["config"]["current"]
        return current

    def state(self, integration_id: str) -> str:
        """Return the reported state of an integration."""
        self.settle()
        return str(self[integration_id]["reportedState"]["code"])

    def check(self, request: Request, granted: Collection[str]) -> None:
        """Raise `Problem` if the client's role does not permit a request, whatever its scopes."""
        super().check(request, self.permissions)

    def answer(self, operation: str, request: Request) -> Answer:
        """Carry out a request and return the answer to it."""
        match operation:
            case "list":
                expand = self.expands and "config.current" in request.query.get("expand", "")
                return self.page(request, lambda one: _render(one, expand=expand))
            case "create":
                return self._create(decode_body(request, _New))
            case "type":
                return self._type(request.path.rpartition("/")[2])
        one = self.find(request)
        match operation:
            case "read":
                return Answer(200, _render(one))
            case "configuration":
                return Answer(200, copy.deepcopy(one["config"]["current"]))
            case "configure":
                return self._configure(one, decode_body(request, _Configuration))
            case "switch" | "annotate":
                return self._switch(one, decode_body(request, _Switch))
        return self._delete(one)

    def active_properties(self) -> list[Entity]:
        """Return the properties of the active integrations."""
        return list(self.active.values())

    def enter(self, one: Entity, state: str) -> None:
        properties = one["config"]["current"]["properties"]
        suffix = properties.get("eventSourceSuffix")
        if state == GONE:
            del self[one["id"]]
            if suffix and not any(_suffix_of(other) == suffix for other in self.values()):
                self.on_source_deleted(suffix)
            return
        one["reportedState"] = {"code": state}
        if state == "ERROR":
            one["reportedState"]["detail"] = {
                "localizableMessageCode": "integration.error",
                "message": self.error,
                "messageWithParams": self.error,
            }
        if state == "ACTIVE" and one["integrationType"]["id"] == SOURCE_TYPE:
            self.active[one["id"]] = copy.deepcopy(properties)
            self.on_source_created(suffix)

    def _new(self, name: str, type_id: str) -> Entity:
        one = self.add(
            name=name,
            integrationType={"id": type_id},
            notes="",
            intendedState="DISABLED",
            reportedState={"code": "INACTIVE"},
            attributes={},
        )
        current = {"id": one["id"], "name": name, "version": 1, "properties": {}}
        one["config"] = {"current": {**current, "advanced": {}, "notes": "", "credentials": {}}}
        return one

    def _create(self, body: _New) -> Answer:
        type_id = body.integration_type.id
        if type_id not in self.types:
            raise bad_request(f"The integration type {type_id} is not available to this org.")
        one = self._new(body.name or type_id, type_id)
        self.hide_from_lists(one)
        return Answer(200, _render(one))

    def _type(self, type_id: str) -> Answer:
        if type_id not in self.types:
            raise not_found(f"No integration type {type_id}.")
        return Answer(200, {"id": type_id, "name": type_id})

    def _configure(self, one: Entity, body: _Configuration) -> Answer:
        if one["integrationType"]["id"] == SOURCE_TYPE:
            _check_properties(body.properties)
        current = one["config"]["current"]
        if body.version != current["version"]:
            text = f"The configuration is of version {current['version']}, not {body.version}."
            raise Problem(409, "version.mismatch", text)
        current |= {**msgspec.to_builtins(body), "version": body.version + 1}
        one |= {"name": body.name, "notes": body.notes}
        if self.configuring_switches_off:
            one["intendedState"] = "DISABLED"
            self._start_transition(one, "DEACTIVATING")
        elif one["intendedState"] == "ENABLED":
            self._start_transition(one, "ACTIVATING")
        return Answer(200, copy.deepcopy(current))

    def _switch(self, one: Entity, body: _Switch) -> Answer:
        intended = body.intended_state
        if one["intendedState"] == "DELETED":
            raise bad_request("An integration that is being deleted cannot be switched.")
        configured = one["config"]["current"]["properties"]
        if intended == "ENABLED" and one["integrationType"]["id"] == SOURCE_TYPE and not configured:
            raise bad_request("An integration that is not configured cannot be enabled.")
        if body.notes is not None:
            one["notes"] = body.notes
        if intended != one["intendedState"]:
            one["intendedState"] = intended
            self._start_transition(one, "ACTIVATING" if intended == "ENABLED" else "DEACTIVATING")
        return Answer(200, _render(one))

    def _delete(self, one: Entity) -> Answer:
        if one["intendedState"] == "ENABLED":
            raise bad_request("An integration that is enabled cannot be deleted.")
        if one["reportedState"]["code"] in RUNNING:
            raise Problem(409, "conflict", "An integration that is active cannot be deleted.")
        one["intendedState"] = "DELETED"
        answer = Answer(200, _render(one))
        self.move(one, GONE, self.state_seconds)
        return answer

    def _start_transition(self, one: Entity, state: str) -> None:
        one["reportedState"] = {"code": state}
        successor = "ERROR" if state == "ACTIVATING" and self.error else SUCCESSORS[state]
        self.move(one, successor, self.state_seconds)


def _render(one: Entity, *, expand: bool = False) -> Entity:
    """Return a copy of an integration, with or without its configuration."""
    return copy.deepcopy({key: one[key] for key in one if expand or key != "config"})


def _suffix_of(one: Entity) -> object:
    return one["config"]["current"]["properties"].get("eventSourceSuffix")


def _check_properties(properties: Entity) -> None:
    """Raise `Problem` if an Amazon EventBridge source cannot have these properties."""
    try:
        topics = msgspec.convert(properties, _SourceProperties).event_filter
    except msgspec.ValidationError as error:
        raise bad_request(f"properties: {error}") from None
    for topic in topics:
        if not topic.startswith(TOPIC_PREFIX):
            raise bad_request(f"properties.eventFilter: unknown topic {topic}.")
