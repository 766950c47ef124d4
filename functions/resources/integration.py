"""The delivery by an integration, Genesys Cloud's side of Amazon EventBridge."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from genesys.client import GenesysClient
from genesys.errors import GenesysError, NameTaken
from genesys.integration_spec import SOURCE_TYPE, AwsTarget, Entity, IntegrationSpec, target_of
from genesys.integrations import PATH, Integration, Integrations
from genesys.partner_source import SourceStateUnknown, difference_of, source_name, wait_for
from resources.resource import Comparison, Resource, number_differences
from resources.undo import searches, undone_on_failure

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ACTIVATION_SECONDS = 60.0
SOURCE_SECONDS = 75.0
PERMISSIONS = {"GET": "view", "POST": "add", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


class IntegrationResource(Resource):
    """Our integration: it has our name and type, and our AWS target or none yet.

    It has none yet where a creation was cut short before the configuration.
    """

    noun = "integration"
    texts = ("Notes", "AccountId", "Region", "Suffix")
    lists = ("Topics",)
    checks = {  # noqa: RUF012 - a constant of the class, as its base says
        "AccountId": (re.compile(r"[0-9]{12}").fullmatch, "twelve digits are required"),
        # Genesys Cloud takes no other suffix.
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
            target=_target_in(properties),
            topics=tuple(properties["Topics"]),
        )

    @property
    def physical_id(self) -> str:
        target = self.spec.target
        return f"{super().physical_id}/{target.account_id}/{target.region}/{target.suffix}"

    def ensure(
        self,
        genesys: GenesysClient,
        events: "EventBridgeClient",
        *,
        former: Mapping[str, Any] | None,
        cleanup: GenesysClient,
    ) -> dict[str, str]:
        integrations = Integrations(genesys)
        organization_id = integrations.organization_id()
        source = source_name(organization_id, self.spec.target.suffix)
        found = self._find(integrations, former or {})
        configured = any(integration.target for integration in found)
        if_missing = (
            "it was deleted under the stack. Destroy the stack and deploy it again"
            if former is not None and configured
            else f"Genesys Cloud did not make it in time. Check that {self.spec.target} is the "
            "stack's, then deploy again"
        )

        def await_source() -> None:
            limit = genesys.deadline.within(SOURCE_SECONDS)
            wait_for(events, source, ("PENDING", "ACTIVE"), limit, if_missing=if_missing)

        if configured:
            updating = former is not None
            integration_id = self._adapt(integrations, found, await_source, updating=updating)
        else:
            ids = [integration.integration_id for integration in found]
            with undone_on_failure(PATH, lambda: self._remove_made(cleanup, ids)):
                integration_id = self._make(integrations, ids)
                await_source()
        return {
            "EventSourceName": source,
            "IntegrationId": integration_id,
            "OrgId": organization_id,
        }

    def remove(self, genesys: GenesysClient, *, creation_under_way: bool) -> None:
        integrations = Integrations(genesys)
        for _ in searches(genesys.deadline, creation_under_way=creation_under_way):
            for integration in self._ours(integrations):
                integrations.remove(integration.integration_id)

    def compare(self, genesys: GenesysClient, events: "EventBridgeClient") -> Comparison:
        """Compare the integration, and the state of its partner event source in AWS.

        Raises
        ------
        SourceStateUnknown
            AWS could not be asked for the source, and there is no other difference.
        """
        integrations = Integrations(genesys)
        named = [one for one in integrations.named(self.name) if not one.is_being_deleted]
        ours = [one for one in named if one.target == self.spec.target]
        differences = number_differences(self.noun, self.name, len(ours))
        for one in ours:
            integration_id = one.integration_id
            if not one.is_active:
                differences.append(
                    f"The integration {integration_id} is switched off, or not active."
                )
            differences += [
                f"Of the integration {integration_id}: {difference}."
                for difference in self.spec.differences(one.configuration)
            ]
        for one in named:
            if one not in ours:
                differences.append(
                    f"The integration {one.integration_id} has our name and feeds "
                    f"{one.target or 'nobody'}."
                )
        source = source_name(integrations.organization_id(), self.spec.target.suffix)
        try:
            differences += difference_of(events, source)
        except SourceStateUnknown:
            # A certain difference is told, although the source's state is not known.
            if not differences:
                raise
        return Comparison(tuple(one.integration_id for one in ours), tuple(differences))

    def hint(self, error: GenesysError) -> str | None:
        path, of_integrations = error.path, error.path.startswith(PATH)
        match error.status:
            case 403 if of_integrations and error.method in PERMISSIONS:
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
                    f"{SOURCE_TYPE} (Amazon EventBridge Source) may not be available in "
                    "this org, or no more of it; look under Admin > Integrations."
                )
            case 400 if error.method == "PUT":
                return (
                    "Genesys Cloud refused the integration's configuration: its AWS account, "
                    "region, event source suffix or topics."
                )
            case 400 | 409 if of_integrations:
                return "Genesys Cloud refused to change the integration. Deploy again."
        return None

    def _is_ours(self, target: AwsTarget | None) -> bool:
        return target is None or target == self.spec.target

    def _ours(self, integrations: Integrations) -> list[Integration]:
        return [one for one in integrations.named(self.name) if self._is_ours(one.target)]

    def _find(self, integrations: Integrations, former: Mapping[str, Any]) -> list[Integration]:
        """Return the integrations that are ours; normally one or none."""
        named = [one for one in integrations.named(self.name) if not one.is_being_deleted]
        # An Update to another target leaves the former integration to the Delete after it.
        former_target = _target_in(former) if former.get("AccountId") else None
        for one in named:
            if not self._is_ours(one.target) and one.target != former_target:
                raise self._name_taken(one.integration_id, one.target)
        return [one for one in named if self._is_ours(one.target)]

    def _name_taken(self, integration_id: str, target: AwsTarget | None) -> NameTaken:
        return NameTaken(
            f"The integration {self.name!r} (id {integration_id}) exists already and feeds "
            f"{target}, not {self.spec.target}. It was left as it is. Deploy under another stage "
            "name, or remove that integration."
        )

    def _adapt(
        self,
        integrations: Integrations,
        found: list[Integration],
        await_source: Callable[[], None],
        *,
        updating: bool,
    ) -> str:
        """Make the one that differs least right, remove the others, and return its id.

        On Update, a source is not waited for unless a change needs it: a roll-back must succeed
        although the cause of the failed Update remains.
        """
        kept, *duplicates = sorted(found, key=self._distance)
        # First, in case the source goes with one of them: it comes back when ours is switched on.
        for duplicate in duplicates:
            integrations.remove(duplicate.integration_id)
        right = kept.is_active and self.spec.is_configured(kept.configuration)
        source_must_be_there = updating and kept.is_active
        if source_must_be_there and not right:
            await_source()
        self._configure(integrations, kept.integration_id)
        if not source_must_be_there:
            await_source()
        return kept.integration_id

    def _distance(self, integration: Integration) -> tuple[bool, bool, int]:
        differences = len(self.spec.differences(integration.configuration))
        return integration.target is None, not integration.is_active, differences

    def _make(self, integrations: Integrations, ids: list[str]) -> str:
        """Make ours, or complete one that a creation left unfinished, and return its id.

        `ids` holds those of unfinished ones; that of a new one is added as soon as it is known.
        """

        def find_made() -> list[str]:
            return [
                one.integration_id for one in self._ours(integrations) if not one.is_being_deleted
            ]

        if not ids:
            ids.append(integrations.create(self.spec, find_made))
        integration_id, *duplicates = ids
        for duplicate in duplicates:
            integrations.remove(duplicate)
        self._configure(integrations, integration_id)
        return integration_id

    def _configure(self, integrations: Integrations, integration_id: str) -> None:
        def refuse_others(configuration: Entity) -> None:
            # Two stacks may find the same one without a target: the first one has it.
            if not self._is_ours(target_of(configuration)):
                raise self._name_taken(integration_id, target_of(configuration))

        integrations.configure(integration_id, self.spec, refuse_others)
        limit = integrations.deadline.within(ACTIVATION_SECONDS)
        integrations.switch_on(integration_id, self.spec, limit)

    def _remove_made(self, genesys: GenesysClient, ids: list[str]) -> None:
        integrations = Integrations(genesys)
        for integration_id in ids:  # lists may not show it yet
            integration = integrations.get(integration_id)
            if integration and self._is_ours(integration.target):
                integrations.remove(integration_id)
        self.remove(genesys, creation_under_way=True)


def _target_in(properties: Mapping[str, Any]) -> AwsTarget:
    """Return the AWS target in properties, which may be unchecked."""
    return AwsTarget(*(str(properties.get(key)) for key in ("AccountId", "Region", "Suffix")))
