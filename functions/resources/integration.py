"""The resource of the delivery `eventbridge`: an integration that sends to Amazon EventBridge."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from genesys.client import GenesysClient
from genesys.errors import GenesysError
from genesys.integration_spec import AwsTarget, Entity, IntegrationSpec, parse_target
from genesys.integrations import PATH as INTEGRATIONS_PATH
from genesys.integrations import Integration, Integrations
from genesys.partner_source import GONE, read_state_or_error_code, source_name, wait_for_state
from resources.integration_comparison import add_source_differences, compare_integrations
from resources.integration_hint import integration_hint, name_taken_error
from resources.resource import Comparison, Resource
from resources.undo import search_attempts, undo_on_failure, wait_for_listing

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# The longest wait until the integration is active.
ACTIVATION_SECONDS = 60.0
# The longest wait until AWS shows the partner event source.
SOURCE_WAIT_SECONDS = 75.0
# The longest wait until AWS has matched a new partner event source with the stack's event bus.
MATCH_SECONDS = 30.0


class IntegrationResource(Resource):
    """An integration is ours if it has our name and type, and `IntegrationSpec.owns` says so."""

    noun = "integration"
    string_keys = ("Notes", "AccountId", "Region", "Suffix")
    list_keys = ("Topics",)
    property_checks = {  # noqa: RUF012 - a ClassVar in the base class
        "AccountId": (re.compile(r"[0-9]{12}").fullmatch, "twelve digits are required"),
        # Genesys Cloud accepts no other suffix.
        "Suffix": (
            re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch,
            "1 to 64 letters, digits, '.', '-' or '_' are required: use a shorter stage name",
        ),
    }

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.spec = IntegrationSpec(
            name=self.name,
            notes=properties["Notes"],
            target=_target_in_properties(properties),
            topics=tuple(properties["Topics"]),
        )

    @property
    def physical_id(self) -> str:
        target = self.spec.target
        return f"{super().physical_id}/{target.account_id}/{target.region}/{target.suffix}"

    def ensure(
        self,
        genesys: GenesysClient,
        eventbridge: "EventBridgeClient",
        *,
        old_properties: Mapping[str, Any] | None,
        cleanup_client: GenesysClient,
    ) -> dict[str, str]:
        integrations = Integrations(genesys)
        organization_id = integrations.read_organization_id()
        event_source_name = source_name(organization_id, self.spec.target.suffix)
        ours = self._find_ours(integrations, old_properties or {})
        is_configured = any(integration.target for integration in ours)
        is_update = old_properties is not None
        if is_update and is_configured:
            explanation_if_missing = (
                "somebody has deleted it. Destroy the stack and deploy it again"
            )
        else:
            explanation_if_missing = (
                f"Genesys Cloud has not created it yet for {self.spec.target}. Check that this is "
                "the stack's own account, region and suffix, then deploy again"
            )

        def wait_for_source() -> None:
            # A new partner event source is PENDING: its bus is created after the integration.
            wait_for_state(
                eventbridge,
                event_source_name,
                ("PENDING", "ACTIVE"),
                genesys.deadline.within(SOURCE_WAIT_SECONDS),
                explanation_if_missing=explanation_if_missing,
            )

        if is_configured:
            integration_id = self._reconcile(
                integrations, ours, wait_for_source, is_update=is_update
            )
        else:
            unfinished_ids = [integration.integration_id for integration in ours]
            with undo_on_failure(
                lambda: self._remove_unfinished(cleanup_client, unfinished_ids),
                creation_path=INTEGRATIONS_PATH,
            ):
                if not unfinished_ids:
                    unfinished_ids.append(self._create(integrations))
                genesys.check_creation()
                integration_id = self._finish_creation(integrations, unfinished_ids)
                wait_for_source()
                wait_for_listing(
                    genesys.deadline,
                    lambda: any(
                        found.integration_id == integration_id
                        for found in integrations.find_by_name(self.name)
                    ),
                )
                genesys.check_creation()
        return {
            "EventSourceName": event_source_name,
            "IntegrationId": integration_id,
            "OrgId": organization_id,
        }

    def remove(self, genesys: GenesysClient, *, resource_may_yet_appear: bool) -> None:
        integrations = Integrations(genesys)
        # Do not use `_find_namesakes`, which omits integrations that are being deleted:
        # `integrations.remove` waits until these are gone.
        for _ in search_attempts(genesys.deadline, resource_may_yet_appear=resource_may_yet_appear):
            for integration in integrations.find_by_name(self.name):
                if self._is_ours(integration):
                    integrations.remove(integration.integration_id)

    def compare(self, genesys: GenesysClient, eventbridge: "EventBridgeClient") -> Comparison:
        """Compare the integration and its partner event source with the deployed properties.

        Raises
        ------
        SourceStateUnknown
            No difference was found, but AWS did not report the partner event source's state.
        """
        integrations = Integrations(genesys)
        namesakes = self._find_namesakes(integrations)
        comparison = compare_integrations(self.noun, self.spec, namesakes)
        return add_source_differences(comparison, eventbridge, self._source_name(integrations))

    def heal(
        self,
        genesys: GenesysClient,
        eventbridge: "EventBridgeClient",
        *,
        cleanup_client: GenesysClient,
    ) -> None:
        """Remove the differences from the deployed properties.

        Genesys Cloud creates a partner event source together with an integration. So if the source
        is gone although the integration is as deployed, remove the integration before `ensure`
        creates another one.

        Raises
        ------
        SourceNotReady
            The partner event source does not become active. `ensure` accepts a source without a
            bus, because a deploy creates the bus afterwards.
        """
        integrations = Integrations(genesys)
        event_source_name = self._source_name(integrations)
        ours = self._find_ours(integrations, old_properties={})
        is_as_deployed = not compare_integrations(self.noun, self.spec, ours).differences
        if is_as_deployed and read_state_or_error_code(eventbridge, event_source_name) in GONE:
            integrations.remove(ours[0].integration_id)
        super().heal(genesys, eventbridge, cleanup_client=cleanup_client)
        wait_for_state(
            eventbridge,
            event_source_name,
            ("ACTIVE",),
            genesys.deadline.within(MATCH_SECONDS),
            explanation_if_missing="somebody has deleted it. Destroy the stack and deploy it again",
            explanation_if_pending="is PENDING: the stack's event bus is gone, or AWS has not "
            "matched it with the source. Destroy the stack and deploy it again",
        )

    def hint(self, error: GenesysError) -> str | None:
        return integration_hint(error)

    def _source_name(self, integrations: Integrations) -> str:
        return source_name(integrations.read_organization_id(), self.spec.target.suffix)

    def _is_ours(self, integration: Integration) -> bool:
        return self.spec.owns(integration.target, integration.notes)

    def _find_namesakes(self, integrations: Integrations) -> list[Integration]:
        """Return all integrations with our name, except those that are being deleted."""
        return [
            integration
            for integration in integrations.find_by_name(self.name)
            if not integration.is_being_deleted
        ]

    def _find_ours(
        self, integrations: Integrations, old_properties: Mapping[str, Any]
    ) -> list[Integration]:
        """Return our integrations, normally one or none; raise `NameTaken` if our name is taken.

        `old_properties` is empty on Create.
        """
        namesakes = self._find_namesakes(integrations)
        # During an Update that changes the target, the integration with the old target still has
        # our name. It belongs to this stack, and CloudFormation deletes it after the Update.
        old_target = (
            _target_in_properties(old_properties)
            if old_properties.get("AccountId")
            else self.spec.target
        )
        for namesake in namesakes:
            if not self._is_ours(namesake) and namesake.target != old_target:
                raise name_taken_error(
                    self.spec, namesake.integration_id, namesake.target, namesake.notes
                )
        return [namesake for namesake in namesakes if self._is_ours(namesake)]

    def _reconcile(
        self,
        integrations: Integrations,
        ours: list[Integration],
        wait_for_source: Callable[[], None],
        *,
        is_update: bool,
    ) -> str:
        """Keep the integration that differs least, and return its id. Remove the others.

        Change the kept integration if it differs.
        """
        kept, *duplicates = sorted(ours, key=self._sort_key)
        needs_change = not (kept.is_active and self.spec.matches(kept.configuration))
        source_should_exist_already = is_update and kept.is_active
        # Before changing anything, fail if the partner event source should exist but is missing. If
        # nothing has to change, skip this check, so that a roll-back succeeds.
        if source_should_exist_already and needs_change:
            wait_for_source()
        for duplicate in duplicates:
            integrations.remove(duplicate.integration_id)
        self._configure_and_switch_on(integrations, kept.integration_id)
        # If a removed duplicate takes the partner event source with it, changing the kept
        # integration creates the source again.
        source_may_be_recreated = needs_change and bool(duplicates)
        if not source_should_exist_already or source_may_be_recreated:
            wait_for_source()
        return kept.integration_id

    def _sort_key(self, integration: Integration) -> tuple[bool, bool, int]:
        """Return a sort key: configured first, then active, then the fewest differences."""
        difference_count = len(self.spec.differences(integration.configuration))
        return integration.target is None, not integration.is_active, difference_count

    def _create(self, integrations: Integrations) -> str:
        """Create an integration, at first without a target, and return its id."""

        def find_our_ids() -> list[str]:
            return [
                integration.integration_id
                for integration in self._find_namesakes(integrations)
                if self._is_ours(integration)
            ]

        return integrations.create(self.spec, find_created=find_our_ids)

    def _finish_creation(self, integrations: Integrations, unfinished_ids: list[str]) -> str:
        """Finish one unfinished integration and return its id. Remove the others."""
        integration_id, *duplicate_ids = unfinished_ids
        for duplicate_id in duplicate_ids:
            integrations.remove(duplicate_id)
        integrations.write_notes(integration_id, self.spec)
        self._configure_and_switch_on(integrations, integration_id)
        return integration_id

    def _configure_and_switch_on(self, integrations: Integrations, integration_id: str) -> None:
        def check_target(configuration: Entity) -> None:
            # Another stack that uses our name may have configured this integration meanwhile.
            target, notes = parse_target(configuration), integrations.notes_in(configuration)
            if not self.spec.owns(target, notes):
                raise name_taken_error(self.spec, integration_id, target, notes)

        integrations.configure(integration_id, self.spec, check_target)
        limit = integrations.deadline.within(ACTIVATION_SECONDS)
        integrations.switch_on(integration_id, self.spec, limit)

    def _remove_unfinished(self, genesys: GenesysClient, unfinished_ids: list[str]) -> None:
        integrations = Integrations(genesys)
        # Read each integration by its id, because lists may not show new integrations yet.
        for integration_id in unfinished_ids:
            integration = integrations.get(integration_id)
            if integration and self._is_ours(integration):
                integrations.remove(integration_id)
        # A request whose response was lost may have created an integration with an unknown id.
        self.remove(genesys, resource_may_yet_appear=True)


def _target_in_properties(properties: Mapping[str, Any]) -> AwsTarget:
    """Return the AWS target in a resource's properties, even if they have not been validated."""
    return AwsTarget(*(str(properties.get(key)) for key in ("AccountId", "Region", "Suffix")))
