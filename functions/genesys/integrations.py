"""Integrations of the type *Amazon EventBridge source*, and the requests that make one right.

The requests are those of the Platform API's Integrations category. An integration's configuration
has a version, and a change must name the present one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.creation import create_once, id_in
from genesys.errors import Explained, GenesysError, NotActive
from genesys.integration_spec import SOURCE_TYPE, AwsTarget, Entity, IntegrationSpec, target_of

PATH = "/api/v2/integrations"
ORGANIZATION_PATH = "/api/v2/organizations/me"
ENABLED, DISABLED, DELETED = "ENABLED", "DISABLED", "DELETED"
# An old error may be reported for a moment after a change; a lasting one is meant.
ERROR_READINGS = 4
CHANGE_SECONDS = 30.0
SWITCH_OFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration as Genesys Cloud has it."""

    integration_id: str
    is_active: bool
    is_being_deleted: bool
    configuration: Entity

    @property
    def target(self) -> AwsTarget | None:
        """Its AWS target; None if it was never configured."""
        return target_of(self.configuration)


class NotDeleted(Explained):
    """An integration that Genesys Cloud still shows after its deletion."""


def switch_body(state: str) -> dict[str, Any]:
    """Return the request body that switches an integration on or off."""
    return {"intendedState": state}


class Integrations:
    """The Amazon EventBridge sources of an org."""

    def __init__(self, client: GenesysClient) -> None:
        self._client = client
        self.deadline = client.deadline

    def organization_id(self) -> str:
        """Return the org's id, which is part of the partner event source's name."""
        answer = self._client.request("GET", ORGANIZATION_PATH)
        return id_in(answer, "GET", ORGANIZATION_PATH, 200)

    def named(self, name: str) -> list[Integration]:
        """Return the integrations of our type and that name; names need not be unique."""
        return [
            self._integration(entity)
            for entity in self._client.pages(PATH, {"expand": "config.current"})
            if (entity.get("name"), _type_of(entity)) == (name, SOURCE_TYPE)
        ]

    def get(self, integration_id: str) -> Integration | None:
        """Return an integration; None if there is none of that id."""
        entity = self._read(integration_id)
        return self._integration(entity) if entity else None

    def create(self, spec: IntegrationSpec, find_made: Callable[[], list[str]]) -> str:
        """Make an integration, without an AWS target yet, and return its id.

        Parameters
        ----------
        find_made
            Returns the ids in lists that a request may have made whose answer was lost.
        """
        return create_once(
            lambda: id_in(
                self._client.request("POST", PATH, body=spec.creation_body()), "POST", PATH, 200
            ),
            find_made,
            self.remove,
            self.deadline,
        )

    def configuration(self, integration_id: str) -> Entity:
        """Return an integration's present configuration."""
        path = _configuration_path(integration_id)
        configuration = self._client.request("GET", path)
        if not isinstance(configuration, dict):
            raise GenesysError("GET", path, status=200, message="the answer is no configuration")
        return configuration

    def configure(
        self, integration_id: str, spec: IntegrationSpec, check: Callable[[Entity], None]
    ) -> None:
        """Give an integration its configuration, although others may change it meanwhile.

        Parameters
        ----------
        check
            Raises if a configuration must not be replaced.
        """
        failure: GenesysError
        for _ in self.deadline.within(CHANGE_SECONDS).attempts(0.5, max_pause_seconds=5):
            configuration = self.configuration(integration_id)
            check(configuration)
            if spec.is_configured(configuration):
                return
            body = spec.configuration_body(configuration.get("version") or 1)
            try:
                self._client.request("PUT", _configuration_path(integration_id), body=body)
                return
            except GenesysError as error:
                if not _is_of_an_old_version(error):
                    raise
                failure = error
        raise failure

    def switch_on(self, integration_id: str, spec: IntegrationSpec, limit: Deadline) -> None:
        """Switch an integration on, and read it back until it is active and as specified.

        Raises
        ------
        NotActive
            If it is not by the deadline, or reports a lasting error; in Genesys Cloud's words.
        """
        errors = 0
        for _ in limit.attempts(0.5, max_pause_seconds=5):
            differences = self._differences(integration_id, spec)
            if not differences:
                return
            errors = errors + 1 if differences.startswith("it reports ERROR") else 0
            if errors == ERROR_READINGS:
                break
        raise NotActive(self._client.clean(differences))

    def remove(self, integration_id: str) -> None:
        """Switch an integration off, delete it and wait until it is gone, unless it is already.

        Raises
        ------
        NotDeleted
            If it is not gone in time.
        """
        entity = self._read(integration_id)
        if entity and entity.get("intendedState") != DELETED:
            self._switch_off(integration_id, entity)
            self._change("DELETE", f"{PATH}/{integration_id}")
        for _ in self.deadline.attempts(0.5, max_pause_seconds=5):
            if not self._read(integration_id):
                return
        raise NotDeleted(
            f"Genesys Cloud still shows the integration {integration_id} after its deletion."
        )

    def _integration(self, entity: Entity) -> Integration:
        integration_id = str(entity["id"])
        match entity:
            case {"config": {"current": dict() as listed}} if target_of(listed):
                configuration: Entity = listed
            case _:
                # A list that shows no target does not prove that there is none.
                configuration = self.configuration(integration_id)
        return Integration(
            integration_id,
            is_active=(entity.get("intendedState"), _state_of(entity)) == (ENABLED, "ACTIVE"),
            is_being_deleted=entity.get("intendedState") == DELETED,
            configuration=configuration,
        )

    def _read(self, integration_id: str) -> Entity | None:
        path = f"{PATH}/{integration_id}"
        try:
            entity = self._client.request("GET", path)
        except GenesysError as error:
            if error.status != 404:
                raise
            return None
        if not isinstance(entity, dict):
            raise GenesysError("GET", path, status=200, message="the answer is no integration")
        return entity

    def _switch(self, integration_id: str, state: str) -> None:
        self._change("PATCH", f"{PATH}/{integration_id}", switch_body(state))

    def _differences(self, integration_id: str, spec: IntegrationSpec) -> str:
        entity = self._read(integration_id)
        if not entity:
            return "it cannot be found"
        if entity.get("intendedState") != ENABLED:
            self._switch(integration_id, ENABLED)
            return "it stays switched off"
        if _state_of(entity) != "ACTIVE":
            return f"it reports {_state_of(entity)}{_detail_of(entity)}"
        return "; ".join(spec.differences(self.configuration(integration_id)))

    def _switch_off(self, integration_id: str, entity: Entity) -> None:
        if entity.get("intendedState") != DISABLED:
            self._switch(integration_id, DISABLED)
        limit = self.deadline.within(min(SWITCH_OFF_SECONDS, self.deadline.left() / 2))
        # If it stays active, try to delete it all the same: Genesys Cloud decides.
        for _ in limit.attempts(0.5, max_pause_seconds=5):
            if not _is_running(self._read(integration_id)):
                return

    def _change(self, method: str, path: str, body: Entity | None = None) -> None:
        """Send a request, again while its integration is busy; do nothing if that is gone."""
        failure: GenesysError
        for _ in self.deadline.within(CHANGE_SECONDS).attempts(1, max_pause_seconds=5):
            try:
                self._client.request(method, path, body=body)
                return
            except GenesysError as error:
                if error.status == 404:
                    return
                if error.status not in (408, 409):
                    raise
                failure = error
        raise failure


def _configuration_path(integration_id: str) -> str:
    return f"{PATH}/{integration_id}/config/current"


def _is_of_an_old_version(error: GenesysError) -> bool:
    """Return whether another change came first, or this one may yet be carried out."""
    return error.status in (408, 409) or (
        error.status == 400 and "version" in error.message.lower()
    )


def _type_of(entity: Entity) -> object:
    match entity.get("integrationType"):
        case {"id": type_id}:
            return type_id
    return None


def _state_of(entity: Entity) -> object:
    match entity.get("reportedState"):
        case {"code": code}:
            return code
    return None


def _is_running(entity: Entity | None) -> bool:
    return entity is not None and _state_of(entity) in ("ACTIVE", "ACTIVATING", "DEACTIVATING")


def _detail_of(entity: Entity) -> str:
    """Return what an integration says of its state, as ` (…)`; empty where it says nothing."""
    match entity.get("reportedState"):
        case {"detail": {} as detail}:
            keys = ("message", "messageWithParams", "localizableMessageCode")
            said = next((detail[key] for key in keys if detail.get(key)), "")
            return f" ({said})" if said else ""
    return ""
