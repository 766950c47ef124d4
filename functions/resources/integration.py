"""The resource of the delivery `eventbridge`: an integration that sends to Amazon EventBridge."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from genesys.client import GenesysClient
from genesys.errors import GenesysError, NameTaken
from genesys.integration_spec import (
    INTEGRATION_TYPE,
    AwsTarget,
    Entity,
    IntegrationSpec,
    parse_target,
)
from genesys.integrations import PATH, Integration, Integrations
from genesys.partner_source import (
    SourceStateUnknown,
    source_differences,
    source_name,
    wait_for_state,
)
from resources.resource import Comparison, Resource, check_exactly_one
from resources.undo import search_attempts, undo_on_failure

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ACTIVATION_SECONDS = 60.0
SOURCE_WAIT_SECONDS = 75.0
# The permission on integrations that each HTTP method needs.
PERMISSIONS = {"GET": "view", "POST": "add", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


class IntegrationResource(Resource):
    """An integration is ours if it has our name and type, and our AWS target or no target yet.

    An integration has no target if its creation was interrupted before the target was set.
    """

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
            target=_parse_target(properties),
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
        source = source_name(organization_id, self.spec.target.suffix)
        ours = self._find_ours(integrations, old_properties or {})
        is_configured = any(integration.target for integration in ours)
        is_update = old_properties is not None
        missing_explanation = (
            "somebody has deleted it. Destroy the stack and deploy it again"
            if is_update and is_configured
            else f"Genesys Cloud did not create it in time. Check that {self.spec.target} belongs "
            "to this stack, then deploy again"
        )

        def wait_for_source() -> None:
            limit = genesys.deadline.within(SOURCE_WAIT_SECONDS)
            wait_for_state(
                eventbridge,
                source,
                ("PENDING", "ACTIVE"),
                limit,
                missing_explanation=missing_explanation,
            )

        if is_configured:
            integration_id = self._reconcile(
                integrations, ours, wait_for_source, is_update=is_update
            )
        else:
            created_ids = [integration.integration_id for integration in ours]
            with undo_on_failure(PATH, lambda: self._remove_created(cleanup_client, created_ids)):
                integration_id = self._create(integrations, created_ids)
                wait_for_source()
        return {
            "EventSourceName": source,
            "IntegrationId": integration_id,
            "OrgId": organization_id,
        }

    def remove(self, genesys: GenesysClient, *, creation_may_be_running: bool) -> None:
        integrations = Integrations(genesys)
        for _ in search_attempts(genesys.deadline, creation_may_be_running=creation_may_be_running):
            for integration in integrations.find_by_name(self.name):
                if self._is_ours(integration.target):
                    integrations.remove(integration.integration_id)

    def compare(self, genesys: GenesysClient, eventbridge: "EventBridgeClient") -> Comparison:
        """Compare the integration and its partner event source with the deployed properties.

        Raises
        ------
        SourceStateUnknown
            AWS did not report the partner event source's state, and nothing else differs.
        """
        integrations = Integrations(genesys)
        namesakes = self._find_namesakes(integrations)
        # Unlike elsewhere, an integration without a target is not ours here, but a difference.
        ours = [namesake for namesake in namesakes if namesake.target == self.spec.target]
        differences = check_exactly_one(self.noun, self.name, len(ours))
        for integration in ours:
            integration_id = integration.integration_id
            if not integration.is_active:
                differences.append(
                    f"The integration {integration_id} is switched off, or not active."
                )
            differences += [
                f"The integration {integration_id} differs: {difference}."
                for difference in self.spec.differences(integration.configuration)
            ]
        for namesake in namesakes:
            if namesake not in ours:
                differences.append(
                    f"The integration {namesake.integration_id} has our name and feeds "
                    f"{namesake.target or 'nobody'}."
                )
        source = source_name(integrations.read_organization_id(), self.spec.target.suffix)
        try:
            differences += source_differences(eventbridge, source)
        except SourceStateUnknown:
            # The differences found so far are certain, so report them without the source's state.
            if not differences:
                raise
        ids = tuple(integration.integration_id for integration in ours)
        return Comparison(ids, tuple(differences))

    def hint(self, error: GenesysError) -> str | None:
        concerns_integrations = error.path.startswith(PATH)
        match error.status:
            case 403 if concerns_integrations and error.method in PERMISSIONS:
                return (
                    "The OAuth client may not do this: give its role the permission "
                    f"integrations:integration:{PERMISSIONS[error.method]}; in all it needs "
                    "integrations:integration:view, add, edit and delete."
                )
            case 403:
                return "The OAuth client may not do this: give it a role of the org."
            case 400 | 404 | 409 if (error.method, error.path) == ("POST", PATH):
                return (
                    "Genesys Cloud refused to create the integration. Perhaps this org lacks the "
                    f"integration type {INTEGRATION_TYPE} (Amazon EventBridge Source), or has "
                    "reached its limit of integrations; look under Admin > Integrations."
                )
            case 400 if error.method == "PUT":
                return (
                    "Genesys Cloud refused the integration's configuration: its AWS account, "
                    "region, event source suffix or topics."
                )
            case 400 | 409 if concerns_integrations:
                return "Genesys Cloud refused to change the integration. Deploy again."
        return None

    def _is_ours(self, target: AwsTarget | None) -> bool:
        return target is None or target == self.spec.target

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
        """Return our integrations, normally one or none; raise `NameTaken` if our name is taken."""
        namesakes = self._find_namesakes(integrations)
        # An integration with the old target does not mean that our name is taken: it belongs to
        # this stack, and CloudFormation deletes it after the Update.
        old_target = _parse_target(old_properties) if old_properties.get("AccountId") else None
        for namesake in namesakes:
            if not self._is_ours(namesake.target) and namesake.target != old_target:
                raise self._name_taken_error(namesake.integration_id, namesake.target)
        return [namesake for namesake in namesakes if self._is_ours(namesake.target)]

    def _name_taken_error(self, integration_id: str, target: AwsTarget | None) -> NameTaken:
        return NameTaken(
            f"The integration {self.name!r} (id {integration_id}) exists already and feeds "
            f"{target}, not {self.spec.target}. It was left as it is. Deploy under another stage "
            "name, or remove that integration."
        )

    def _reconcile(
        self,
        integrations: Integrations,
        ours: list[Integration],
        wait_for_source: Callable[[], None],
        *,
        is_update: bool,
    ) -> str:
        """Keep the integration that differs least, and return its id. Remove the others.

        Change the kept integration if necessary. On Update, do not wait for the partner event
        source if the integration is active and needs no change: a roll-back must succeed even if
        the source is still missing.
        """
        kept, *duplicates = sorted(ours, key=self._sort_key)
        # Remove the duplicates first: the source may disappear with them, and comes back when the
        # kept integration is switched on.
        for duplicate in duplicates:
            integrations.remove(duplicate.integration_id)
        is_as_specified = kept.is_active and self.spec.matches(kept.configuration)
        # Unless `source_expected` is true, the source may appear only after the integration is
        # switched on.
        source_expected = is_update and kept.is_active
        if source_expected and not is_as_specified:
            wait_for_source()
        self._configure(integrations, kept.integration_id)
        if not source_expected:
            wait_for_source()
        return kept.integration_id

    def _sort_key(self, integration: Integration) -> tuple[bool, bool, int]:
        """Return a sort key that puts the integration that differs least first."""
        difference_count = len(self.spec.differences(integration.configuration))
        return integration.target is None, not integration.is_active, difference_count

    def _create(self, integrations: Integrations, created_ids: list[str]) -> str:
        """Configure our integration that has no target, or else a new one; return its id.

        Parameters
        ----------
        created_ids
            The ids of our integrations, which have no target. If the list is empty, the new
            integration's id is appended to it, for the caller's clean-up.
        """

        def find_created_ids() -> list[str]:
            return [
                integration.integration_id
                for integration in self._find_namesakes(integrations)
                if self._is_ours(integration.target)
            ]

        if not created_ids:
            created_ids.append(integrations.create(self.spec, find_created_ids))
        integration_id, *duplicate_ids = created_ids
        for duplicate_id in duplicate_ids:
            integrations.remove(duplicate_id)
        self._configure(integrations, integration_id)
        return integration_id

    def _configure(self, integrations: Integrations, integration_id: str) -> None:
        def check_target(configuration: Entity) -> None:
            # Another stack may have configured this integration since we found it.
            if not self._is_ours(parse_target(configuration)):
                raise self._name_taken_error(integration_id, parse_target(configuration))

        integrations.configure(integration_id, self.spec, check_target)
        limit = integrations.deadline.within(ACTIVATION_SECONDS)
        integrations.switch_on(integration_id, self.spec, limit)

    def _remove_created(self, genesys: GenesysClient, created_ids: list[str]) -> None:
        integrations = Integrations(genesys)
        # Read each integration by its id, because lists may not show new integrations yet.
        for integration_id in created_ids:
            integration = integrations.get(integration_id)
            if integration and self._is_ours(integration.target):
                integrations.remove(integration_id)
        self.remove(genesys, creation_may_be_running=True)


def _parse_target(properties: Mapping[str, Any]) -> AwsTarget:
    """Return the AWS target in properties, which may be unvalidated."""
    return AwsTarget(*(str(properties.get(key)) for key in ("AccountId", "Region", "Suffix")))
