"""Genesys Cloud's integrations in memory, to be mounted on a scripted HTTP server."""

import copy
import itertools
from typing import Any

from genesys.integrations import ORGANIZATION_PATH, PATH, SOURCE_TYPE
from genesys.partner_source import source_name
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.genesys import FakeOrg, problem
from tests.fakes.scripted_http import Answer, Asked

ORGANIZATION_ID = "5d4c3b2a-org"
CONFIGURATION = "/config/current"
BAD_TOPIC = "v2.no.such.topic"
NEVER = float("inf")
RUNNING = ("ACTIVE", "ACTIVATING", "DEACTIVATING")


class FakeIntegrations(FakeOrg):
    """An org with integrations.

    Every request is one of the operations `login organization list create read configuration
    configure switch delete`; `operations` has them in order.

    Attributes
    ----------
    integrations
        By id, as the API shows them.
    partner
        AWS, where an active integration has its partner event source.
    moving_seconds
        How long switching on, off and deleting take; `NEVER`: for ever.
    error
        What is wrong with an integration that should become active, if anything.
    visible_after
        Seconds until a new integration is in lists.
    expands
        Whether lists show configurations when asked to.
    configuring_switches_off
        Whether an integration is switched off by a new configuration.
    """

    def __init__(self, clock: Clock, partner: FakePartnerEvents) -> None:
        super().__init__(clock)
        self.integrations: dict[str, dict[str, Any]] = {}
        self.partner = partner
        self.moving_seconds = 2.0
        self.error = ""
        self.visible_after = 0.0
        self.page_size = 3
        self.expands = True
        self.configuring_switches_off = False
        self._ids = (f"int-{number}" for number in itertools.count(1))
        self._visible_at: dict[str, float] = {}
        self._moves: dict[str, tuple[float, str]] = {}

    def hold(self, name: str, *, type_id: str = SOURCE_TYPE, **properties: Any) -> str:
        """Have an integration already, and return its id; one with properties is active."""
        integration_id = next(self._ids)
        state = ("ENABLED", "ACTIVE") if properties else ("DISABLED", "INACTIVE")
        self.integrations[integration_id] = {
            "id": integration_id,
            "name": name,
            "integrationType": {"id": type_id},
            "intendedState": state[0],
            "reportedState": {"code": state[1]},
            "config": {
                "current": {
                    "id": integration_id,
                    "name": name,
                    "version": 1,
                    "properties": properties,
                    "advanced": {},
                    "notes": "",
                    "credentials": {},
                }
            },
        }
        return integration_id

    def configuration(self, integration_id: str) -> dict[str, Any]:
        """Return an integration's configuration, which a test may change."""
        configuration: dict[str, Any] = self.integrations[integration_id]["config"]["current"]
        return configuration

    def state(self, integration_id: str) -> str:
        """Return the state that an integration reports by now."""
        self._move_on()
        return str(self.integrations[integration_id]["reportedState"]["code"])

    def _operation_of(self, asked: Asked) -> str:
        if asked.path == ORGANIZATION_PATH:
            return "organization"
        if asked.path == PATH:
            return {"POST": "create", "GET": "list"}[asked.method]
        if asked.path.endswith(CONFIGURATION):
            return {"GET": "configuration", "PUT": "configure"}[asked.method]
        return {"GET": "read", "PATCH": "switch", "DELETE": "delete"}[asked.method]

    def _respond(self, operation: str, asked: Asked) -> Answer:
        self._move_on()
        if operation == "organization":
            return Answer(body={"id": ORGANIZATION_ID, "name": "Example"})
        if operation == "list":
            return self._list(asked)
        if operation == "create":
            return self._create(asked.json)
        integration_id = asked.path.removesuffix(CONFIGURATION).rpartition("/")[2]
        if integration_id not in self.integrations:
            return problem(404, "There is no such integration.", "not.found")
        match operation:
            case "read":
                return Answer(body=self._shown(integration_id, expand=False))
            case "configuration":
                return Answer(body=self.configuration(integration_id))
            case "configure":
                return self._configure(integration_id, asked.json)
            case "switch":
                return self._switch(integration_id, asked.json["intendedState"])
        return self._delete(integration_id)

    def _list(self, asked: Asked) -> Answer:
        expand = self.expands and asked.query.get("expand") == "config.current"
        visible = [
            self._shown(integration_id, expand=expand)
            for integration_id in self.integrations
            if self._visible_at.get(integration_id, 0) <= self.clock.now
        ]
        number = int(asked.query["pageNumber"])
        size = min(int(asked.query["pageSize"]), self.page_size)
        entities = visible[(number - 1) * size : number * size]
        return Answer(body={"entities": entities, "pageCount": -(-len(visible) // size)})

    def _create(self, body: dict[str, Any]) -> Answer:
        made = self.hold(body["name"], type_id=body["integrationType"]["id"])
        self._visible_at[made] = self.clock.now + self.visible_after
        return Answer(200, self._shown(made, expand=False))

    def _configure(self, integration_id: str, body: dict[str, Any]) -> Answer:
        current = self.configuration(integration_id)
        if body["version"] != current["version"]:
            return problem(409, "The version is not the current one.", "version.mismatch")
        if BAD_TOPIC in body["properties"]["eventFilter"]:
            return problem(400, f"Unknown topic {BAD_TOPIC}.", "bad.request")
        current |= copy.deepcopy(body) | {"version": current["version"] + 1}
        if self.configuring_switches_off:
            self.integrations[integration_id]["intendedState"] = "DISABLED"
            self._begin(integration_id, "INACTIVE", "INACTIVE")
        elif self.integrations[integration_id]["intendedState"] == "ENABLED":
            self._begin(integration_id, "ACTIVATING", "ACTIVE")
        return Answer(body=current)

    def _switch(self, integration_id: str, intended: str) -> Answer:
        entity = self.integrations[integration_id]
        if intended == "ENABLED" and not self.configuration(integration_id)["properties"]:
            return problem(400, "It is not configured.", "bad.request")
        if entity["intendedState"] != intended:
            entity["intendedState"] = intended
            on = intended == "ENABLED"
            target = ("ACTIVATING", "ACTIVE") if on else ("DEACTIVATING", "INACTIVE")
            self._begin(integration_id, *target)
        return Answer(body=self._shown(integration_id, expand=False))

    def _delete(self, integration_id: str) -> Answer:
        entity = self.integrations[integration_id]
        if entity["reportedState"]["code"] in RUNNING:
            return problem(409, "It is still active.", "conflict")
        entity["intendedState"] = "DELETED"
        self._begin(integration_id, entity["reportedState"]["code"], "")
        return Answer(204)

    def _begin(self, integration_id: str, state: str, target: str) -> None:
        if target == "ACTIVE" and self.error:
            target = "ERROR"
        self.integrations[integration_id]["reportedState"] = {"code": state}
        self._moves[integration_id] = (self.clock.now + self.moving_seconds, target)

    def _move_on(self) -> None:
        due = [(key, to) for key, (at, to) in self._moves.items() if at <= self.clock.now]
        for integration_id, target in due:
            del self._moves[integration_id]
            if integration_id not in self.integrations:
                continue
            name = self._source_of(integration_id)
            if target == "":
                del self.integrations[integration_id]
                if name not in map(self._source_of, self.integrations):
                    self.partner.partner_deletes(name)
                continue
            reported = {"code": target}
            if target == "ERROR":
                reported |= {"detail": {"message": self.error}}  # type: ignore[dict-item]
            self.integrations[integration_id]["reportedState"] = reported
            if target == "ACTIVE":
                self.partner.partner_makes(name)

    def _source_of(self, integration_id: str) -> str:
        suffix = self.configuration(integration_id)["properties"].get("eventSourceSuffix", "")
        return source_name(ORGANIZATION_ID, suffix)

    def _shown(self, integration_id: str, *, expand: bool) -> dict[str, Any]:
        entity = copy.deepcopy(self.integrations[integration_id])
        if not expand:
            del entity["config"]
        return entity
