"""The requests that read, create, change and remove *Amazon EventBridge Source* integrations.

The requests are those of the Platform API's category *Integrations*. An integration's configuration
has a version, and a request that changes the configuration must name the current version.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.creation import create_once
from genesys.errors import GenesysError, NotAsSpecified, UserFacingError
from genesys.integration_spec import (
    INTEGRATION_TYPE,
    AwsTarget,
    ConfigurationFields,
    Entity,
    IntegrationSpec,
    parse_state,
    parse_state_detail,
    parse_target,
    parse_type,
)
from genesys.shapes import JSON_OBJECT, Created, check_id, entity_path, show_id, to_shape

PATH = "/api/v2/integrations"
ORGANIZATION_PATH = "/api/v2/organizations/me"
# Values of an entity's `intendedState`.
ENABLED, DISABLED, DELETED = "ENABLED", "DISABLED", "DELETED"
# An integration has failed after this many consecutive reads that report an error. The first reads
# after a change may still report an old error.
ERROR_READS_UNTIL_FAILED = 4
# The maximum time for the attempts at one change.
MAX_CHANGE_SECONDS = 30.0
# The maximum wait for an integration to stop after it was switched off.
MAX_STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration as Genesys Cloud shows it; `notes` are shortened to one line."""

    integration_id: str
    is_active: bool
    is_being_deleted: bool
    configuration: Entity
    notes: str

    @property
    def target(self) -> AwsTarget | None:
        """The AWS target; None if the integration was never configured."""
        return parse_target(self.configuration)


class NotDeleted(UserFacingError):
    """Genesys Cloud still shows an integration after its deletion."""


def switch_body(intended_state: str) -> dict[str, Any]:
    """Return the request body that switches an integration on or off."""
    return {"intendedState": intended_state}


class Integrations:
    """An org's integrations of the type *Amazon EventBridge Source*."""

    def __init__(self, client: GenesysClient) -> None:
        self._client = client
        self.deadline = client.deadline

    def read_organization_id(self) -> str:
        """Return the org's id, which is part of the partner event source's name."""
        organization: Created = self._client.request("GET", ORGANIZATION_PATH, shape=Created)
        return check_id(organization.id, "GET", ORGANIZATION_PATH)

    def find_by_name(self, name: str) -> list[Integration]:
        """Return the integrations with this name; names need not be unique."""
        return [
            self._load_integration(entity)
            for entity in self._client.iterate_entities(PATH, {"expand": "config.current"})
            if entity.get("name") == name and parse_type(entity) == INTEGRATION_TYPE
        ]

    def get(self, integration_id: str) -> Integration | None:
        """Return the integration with this id, or None if it does not exist."""
        entity = self._read_entity(integration_id)
        return self._load_integration(entity) if entity else None

    def create(self, spec: IntegrationSpec, find_created: Callable[[], list[str]]) -> str:
        """Create an integration, at first without an AWS target, and return its id.

        Parameters
        ----------
        find_created
            Returns the ids of all integrations that a failed request may have created.
        """
        return create_once(
            post=lambda: self._post(spec),
            find_created=find_created,
            remove_duplicate=self.remove,
            deadline=self.deadline,
        )

    def notes_in(self, *entities: Entity) -> str:
        """Return the first notes in these entities, shortened to one line; empty without any."""
        notes = (entity.get("notes") for entity in entities)
        return self._client.sanitize(str(next(filter(None, notes), "")))

    def read_configuration(self, integration_id: str) -> Entity:
        """Return an integration's current configuration."""
        path = _configuration_path(integration_id)
        configuration: Entity = self._client.request("GET", path, shape=JSON_OBJECT)
        to_shape(configuration, ConfigurationFields, "GET", path, 200)
        return configuration

    def configure(
        self, integration_id: str, spec: IntegrationSpec, check: Callable[[Entity], None]
    ) -> None:
        """Replace an integration's configuration if it differs from `spec`.

        Start again after a timeout, and after a conflict with another change.

        Parameters
        ----------
        check
            Receives the current configuration; raises an error if this configuration must not be
            replaced.
        """
        last_error: GenesysError
        deadline = self.deadline.within(MAX_CHANGE_SECONDS)
        for _ in deadline.attempts(first_pause_seconds=0.5, max_pause_seconds=5):
            configuration = self.read_configuration(integration_id)
            check(configuration)
            if spec.matches(configuration):
                return
            body = spec.configuration_body(configuration.get("version") or 1)
            try:
                self._client.request("PUT", _configuration_path(integration_id), body=body)
                return
            except GenesysError as error:
                if not _is_conflict_or_timeout(error):
                    raise
                last_error = error
        raise last_error

    def write_notes(self, integration_id: str, spec: IntegrationSpec) -> None:
        """Write the notes into an integration without a target, so that other stacks leave it.

        `configure` writes them, too. So it does no harm if Genesys Cloud refuses this request.
        """
        body = switch_body(DISABLED) | {"notes": spec.notes}
        with suppress(GenesysError):
            self._client.request("PATCH", entity_path(PATH, integration_id), body=body)

    def switch_on(self, integration_id: str, spec: IntegrationSpec, deadline: Deadline) -> None:
        """Switch an integration on, and read it until it is active and as specified.

        Raises
        ------
        NotAsSpecified
            The integration still differs at the deadline, or keeps reporting an error. The
            message lists the differences or quotes the error.
        """
        consecutive_error_reads = 0
        for _ in deadline.attempts(first_pause_seconds=0.5, max_pause_seconds=5):
            problem = self._switch_on_and_find_problem(integration_id, spec)
            if not problem:
                return
            reports_error = problem.startswith("it reports ERROR")
            consecutive_error_reads = consecutive_error_reads + 1 if reports_error else 0
            if consecutive_error_reads == ERROR_READS_UNTIL_FAILED:
                break
        raise NotAsSpecified(self._client.sanitize(problem))

    def remove(self, integration_id: str) -> None:
        """Switch an integration off, delete it, and wait until Genesys Cloud no longer shows it.

        Raises
        ------
        NotDeleted
            Genesys Cloud still shows the integration at the deadline.
        """
        entity = self._read_entity(integration_id)
        if entity and entity.get("intendedState") != DELETED:
            self._switch_off(integration_id, entity)
            self._change("DELETE", entity_path(PATH, integration_id))
        for _ in self.deadline.attempts(first_pause_seconds=0.5, max_pause_seconds=5):
            if not self._read_entity(integration_id):
                return
        raise NotDeleted(
            f"Genesys Cloud still shows the integration {integration_id} after its deletion."
        )

    def _post(self, spec: IntegrationSpec) -> str:
        created: Created = self._client.request(
            "POST", PATH, body=spec.creation_body(), shape=Created
        )
        return check_id(created.id, "POST", PATH)

    def _load_integration(self, entity: Entity) -> Integration:
        """Convert an entity; request the configuration if the entity has no AWS target."""
        # An integration of somebody else's may lack an id, because only ours needs one.
        integration_id, intended_state = show_id(entity), entity.get("intendedState")
        match entity:
            case {"config": {"current": dict() as current}} if parse_target(current):
                configuration: Entity = current
            case _:
                # An entity may lack the target although the integration has one.
                configuration = self.read_configuration(integration_id)
        return Integration(
            integration_id,
            is_active=intended_state == ENABLED and parse_state(entity) == "ACTIVE",
            is_being_deleted=intended_state == DELETED,
            configuration=configuration,
            notes=self.notes_in(entity, configuration),
        )

    def _read_entity(self, integration_id: str) -> Entity | None:
        """Return an integration's entity; None if the integration does not exist."""
        try:
            entity: Entity = self._client.request(
                "GET", entity_path(PATH, integration_id), shape=JSON_OBJECT
            )
        except GenesysError as error:
            if error.status != 404:
                raise
            return None
        return entity

    def _switch(self, integration_id: str, intended_state: str) -> None:
        self._change("PATCH", entity_path(PATH, integration_id), switch_body(intended_state))

    def _switch_on_and_find_problem(self, integration_id: str, spec: IntegrationSpec) -> str:
        """Switch an integration on if it is off; return what is wrong, or an empty string."""
        entity = self._read_entity(integration_id)
        if not entity:
            return "it cannot be found"
        if entity.get("intendedState") != ENABLED:
            self._switch(integration_id, ENABLED)
            # `switch_on` reports this only if no time is left for another attempt.
            return "it stays switched off"
        if parse_state(entity) != "ACTIVE":
            return f"it reports {parse_state(entity)}{parse_state_detail(entity)}"
        return "; ".join(spec.differences(self.read_configuration(integration_id)))

    def _switch_off(self, integration_id: str, entity: Entity) -> None:
        """Switch an integration off, and wait a limited time for it to stop.

        The wait takes at most half of the remaining time. The rest is for the deletion, which may
        succeed even if the integration has not stopped.
        """
        if entity.get("intendedState") != DISABLED:
            self._switch(integration_id, DISABLED)
        deadline = self.deadline.within(min(MAX_STOP_SECONDS, self.deadline.left() / 2))
        for _ in deadline.attempts(first_pause_seconds=0.5, max_pause_seconds=5):
            if not _is_running(self._read_entity(integration_id)):
                return

    def _change(self, method: str, path: str, body: Entity | None = None) -> None:
        """Change or delete an integration; do nothing if it does not exist.

        Retry after a timeout (408), and while the integration is busy (409).
        """
        last_error: GenesysError
        deadline = self.deadline.within(MAX_CHANGE_SECONDS)
        for _ in deadline.attempts(first_pause_seconds=1, max_pause_seconds=5):
            try:
                self._client.request(method, path, body=body)
                return
            except GenesysError as error:
                if error.status == 404:
                    return
                if error.status not in (408, 409):
                    raise
                last_error = error
        raise last_error


def _configuration_path(integration_id: str) -> str:
    return f"{entity_path(PATH, integration_id)}/config/current"


def _is_conflict_or_timeout(error: GenesysError) -> bool:
    """Return whether another change came first (400, 409) or the request timed out (408)."""
    return error.status in (408, 409) or (
        error.status == 400 and "version" in error.message.lower()
    )


def _is_running(entity: Entity | None) -> bool:
    return entity is not None and parse_state(entity) in ("ACTIVE", "ACTIVATING", "DEACTIVATING")
