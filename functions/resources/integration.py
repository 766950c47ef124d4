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
SOURCE_SECONDS = 75.0
# The permission that each HTTP method needs.
PERMISSIONS = {"GET": "view", "POST": "add", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


class IntegrationResource(Resource):
    """An integration is ours if it has our name and type, and our AWS target or no target yet.

    An integration has no target if a creation was interrupted before it set the target.
    """

    noun = "integration"
    string_properties = ("Notes", "AccountId", "Region", "Suffix")
    list_properties = ("Topics",)
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
        updating = old_properties is not None
        if_missing = (
            "it was deleted under the stack. Destroy the stack and deploy it again"
            if updating and is_configured
            else f"Genesys Cloud did not make it in time. Check that {self.spec.target} is the "
            "stack's, then deploy again"
        )

        def wait_for_source() -> None:
            limit = genesys.deadline.within(SOURCE_SECONDS)
            wait_for_state(eventbridge, source, ("PENDING", "ACTIVE"), limit, if_missing=if_missing)

        if is_configured:
            integration_id = self._reconcile(integrations, ours, wait_for_source, updating=updating)
        else:
            ids = [integration.integration_id for integration in ours]
            with undo_on_failure(PATH, lambda: self._remove_created(cleanup_client, ids)):
                integration_id = self._create(integrations, ids)
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
            AWS did not report the source's state, and nothing else differs.
        """
        integrations = Integrations(genesys)
        same_name = self._find_by_name(integrations)
        # An integration without a target does not count as ours here, but as a difference.
        ours = [candidate for candidate in same_name if candidate.target == self.spec.target]
        differences = check_exactly_one(self.noun, self.name, len(ours))
        for integration in ours:
            integration_id = integration.integration_id
            if not integration.is_active:
                differences.append(
                    f"The integration {integration_id} is switched off, or not active."
                )
            differences += [
                f"Of the integration {integration_id}: {difference}."
                for difference in self.spec.differences(integration.configuration)
            ]
        for integration in same_name:
            if integration not in ours:
                differences.append(
                    f"The integration {integration.integration_id} has our name and feeds "
                    f"{integration.target or 'nobody'}."
                )
        source = source_name(integrations.read_organization_id(), self.spec.target.suffix)
        try:
            differences += source_differences(eventbridge, source)
        except SourceStateUnknown:
            # The differences found so far are certain, so report them without the source's state.
            if not differences:
                raise
        return Comparison(
            tuple(integration.integration_id for integration in ours), tuple(differences)
        )

    def hint(self, error: GenesysError) -> str | None:
        path, concerns_integrations = error.path, error.path.startswith(PATH)
        match error.status:
            case 403 if concerns_integrations and error.method in PERMISSIONS:
                return (
                    "The OAuth client may not do this: give its role the permission "
                    f"integrations:integration:{PERMISSIONS[error.method]}; in all it needs "
                    "integrations:integration:view, add, edit and delete."
                )
            case 403:
                return "The OAuth client may not do this: give it a role of the org."
            case 400 | 404 | 409 if (error.method, path) == ("POST", PATH):
                return (
                    "Genesys Cloud refused to make the integration: the integration type "
                    f"{INTEGRATION_TYPE} (Amazon EventBridge Source) may not be available in "
                    "this org, or no more of it; look under Admin > Integrations."
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

    def _find_by_name(self, integrations: Integrations) -> list[Integration]:
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
        same_name = self._find_by_name(integrations)
        # An integration with the old target is the stack's, too: CloudFormation deletes it after
        # the Update.
        old_target = _parse_target(old_properties) if old_properties.get("AccountId") else None
        for integration in same_name:
            if not self._is_ours(integration.target) and integration.target != old_target:
                raise self._name_taken_error(integration.integration_id, integration.target)
        return [candidate for candidate in same_name if self._is_ours(candidate.target)]

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
        updating: bool,
    ) -> str:
        """Keep the integration that differs least, remove the others, and return the kept id.

        Change the kept integration if necessary. On Update, an active integration that needs no
        change succeeds without its partner event source, because a roll-back must succeed even if
        the source is still missing.
        """
        kept, *duplicates = sorted(ours, key=self._distance)
        # Remove the duplicates before the change: the source may disappear with them, and comes
        # back when the kept integration is switched on.
        for duplicate in duplicates:
            integrations.remove(duplicate.integration_id)
        is_as_specified = kept.is_active and self.spec.matches(kept.configuration)
        # If this is false, the source may appear only after the integration is switched on.
        source_expected = updating and kept.is_active
        if source_expected and not is_as_specified:
            wait_for_source()
        self._configure(integrations, kept.integration_id)
        if not source_expected:
            wait_for_source()
        return kept.integration_id

    def _distance(self, integration: Integration) -> tuple[bool, bool, int]:
        """Return a sort key, which is smaller the less an integration differs."""
        differences = len(self.spec.differences(integration.configuration))
        return integration.target is None, not integration.is_active, differences

    def _create(self, integrations: Integrations, ids: list[str]) -> str:
        """Configure an integration that has no target; create it first if necessary.

        Parameters
        ----------
        ids
            The ids of our integrations, which have no target. If the list is empty, the new
            integration's id is appended to it, for the caller's clean-up.

        Returns
        -------
        str
            The integration's id.
        """

        def find_created() -> list[str]:
            return [
                integration.integration_id
                for integration in self._find_by_name(integrations)
                if self._is_ours(integration.target)
            ]

        if not ids:
            ids.append(integrations.create(self.spec, find_created))
        integration_id, *duplicates = ids
        for duplicate in duplicates:
            integrations.remove(duplicate)
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

    def _remove_created(self, genesys: GenesysClient, ids: list[str]) -> None:
        integrations = Integrations(genesys)
        # Read each integration by its id, because lists may not show new integrations yet.
        for integration_id in ids:
            integration = integrations.get(integration_id)
            if integration and self._is_ours(integration.target):
                integrations.remove(integration_id)
        self.remove(genesys, creation_may_be_running=True)


def _parse_target(properties: Mapping[str, Any]) -> AwsTarget:
    """Return the AWS target in properties, even if they are not validated."""
    return AwsTarget(*(str(properties.get(key)) for key in ("AccountId", "Region", "Suffix")))
