"""The life of our integration in Genesys Cloud: made, changed, removed, and found again.

Nothing here trusts a stored id. An integration is ours when it bears our name, is of our type
*and* feeds our AWS account, region and suffix, or nobody yet: a creation that was cut short. One
that bears our name and feeds somebody else is never touched.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from genesys.integration_spec import AwsTarget, Entity, IntegrationSpec, feed_of
from genesys.integrations import PATH, Integration, Integrations
from genesys.partner_source import source_name, wait_for
from provisioner.leftovers import NameTaken, looks, undone_on_failure

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ACTIVATION_SECONDS = 60.0
SOURCE_SECONDS = 75.0


def ensure(
    integrations: Integrations,
    events: "EventBridgeClient",
    wanted: IntegrationSpec,
    *,
    updating: bool = False,
    former_feed: AwsTarget | None = None,
    afterwards: Integrations,
) -> dict[str, str]:
    """Make the org have exactly one integration as wanted, active, and its source be in AWS.

    Ours is found by name, type and whom it feeds, changed only where it differs, and made where
    there is none. When the call fails, what it made is removed again.

    Parameters
    ----------
    updating
        The source has been in AWS before: it is not waited for where nothing is to be changed,
        so that a roll-back succeeds although what made the Update fail is still so.
    former_feed
        Whom another integration of ours may feed beside this one: it is left as it is.
    afterwards
        The same org, with time kept to remove what a failed call made.

    Returns
    -------
    dict[str, str]
        `EventSourceName`, `IntegrationId` and `OrgId`.

    Raises
    ------
    NameTaken
        An integration of that name is somebody else's.
    LeftBehind
        The call failed, and what it made could not be removed.
    NotThere
        AWS does not show the partner event source.
    NotActive, GenesysError
        The call failed, and nothing that it made is left.
    """
    organization_id = integrations.organization_id()
    name = source_name(organization_id, wanted.feed.suffix)
    found = _find(integrations, wanted, former_feed)
    configured = any(integration.feed for integration in found)
    if_missing = (
        "it was deleted under the stack. Destroy the stack and deploy it again"
        if updating and configured
        else f"Genesys Cloud did not make it in time. Check that {wanted.feed} is the stack's, "
        "then deploy again"
    )

    def await_source() -> None:
        limit = integrations.deadline.within(SOURCE_SECONDS)
        wait_for(events, name, ("PENDING", "ACTIVE"), limit, if_missing=if_missing)

    if configured:
        integration_id = _adapt(integrations, found, wanted, await_source, updating=updating)
    else:
        made = [integration.integration_id for integration in found]
        with undone_on_failure(PATH, lambda: _remove_again(afterwards, wanted, made)):
            integration_id = _make(integrations, wanted, made)
            await_source()
    return {"EventSourceName": name, "IntegrationId": integration_id, "OrgId": organization_id}


def remove(
    integrations: Integrations, wanted: IntegrationSpec, *, creation_under_way: bool = False
) -> None:
    """Remove our integration; one that is gone already is as good.

    Parameters
    ----------
    creation_under_way
        Look for a while, because a creation that was given up may yet make it.
    """
    for _ in looks(integrations.deadline, creation_under_way=creation_under_way):
        for integration in _ours(integrations, wanted):
            integrations.remove(integration.integration_id)


def _is_ours(feed: AwsTarget | None, wanted: IntegrationSpec) -> bool:
    return feed is None or feed == wanted.feed


def _ours(integrations: Integrations, wanted: IntegrationSpec) -> list[Integration]:
    return [one for one in integrations.named(wanted.name) if _is_ours(one.feed, wanted)]


def _find(
    integrations: Integrations, wanted: IntegrationSpec, former_feed: AwsTarget | None
) -> list[Integration]:
    """Return the integrations that are ours; normally one or none."""
    named = [one for one in integrations.named(wanted.name) if not one.is_going]
    for integration in named:
        if not _is_ours(integration.feed, wanted) and integration.feed != former_feed:
            raise _name_taken(wanted, integration.integration_id, integration.feed)
    return [integration for integration in named if _is_ours(integration.feed, wanted)]


def _name_taken(wanted: IntegrationSpec, integration_id: str, feed: AwsTarget | None) -> NameTaken:
    return NameTaken(
        f"The integration {wanted.name!r} (id {integration_id}) exists already and feeds {feed}, "
        f"not {wanted.feed}. It was left as it is. Deploy under another stage name, or remove "
        "that integration."
    )


def _adapt(
    integrations: Integrations,
    found: list[Integration],
    wanted: IntegrationSpec,
    await_source: Callable[[], None],
    *,
    updating: bool,
) -> str:
    kept, *superfluous = sorted(found, key=lambda one: _distance(one, wanted))
    # First, in case the source goes with one of them: it comes back when ours is switched on.
    for integration in superfluous:
        integrations.remove(integration.integration_id)
    right = kept.is_on and wanted.is_configured(kept.configuration)
    source_must_be_there = updating and kept.is_on
    if source_must_be_there and not right:
        await_source()
    _configure(integrations, kept.integration_id, wanted)
    if not source_must_be_there:
        await_source()
    return kept.integration_id


def _distance(integration: Integration, wanted: IntegrationSpec) -> tuple[bool, bool, int]:
    differences = len(wanted.differences(integration.configuration))
    return integration.feed is None, not integration.is_on, differences


def _make(integrations: Integrations, wanted: IntegrationSpec, made: list[str]) -> str:
    """Make ours, or complete one that a creation left unfinished, and return its id.

    `made` holds the ids of unfinished ones, and that of a new one as soon as it is known.
    """

    def look() -> list[str]:
        ours = _ours(integrations, wanted)
        return [integration.integration_id for integration in ours if not integration.is_going]

    if not made:
        made.append(integrations.create(wanted, look))
    integration_id, *superfluous = made
    for unfinished in superfluous:
        integrations.remove(unfinished)
    _configure(integrations, integration_id, wanted)
    return integration_id


def _configure(integrations: Integrations, integration_id: str, wanted: IntegrationSpec) -> None:
    def check(configuration: Entity) -> None:
        # Two stacks may find the same one that feeds nobody yet: the first one has it.
        if not _is_ours(feed_of(configuration), wanted):
            raise _name_taken(wanted, integration_id, feed_of(configuration))

    integrations.configure(integration_id, wanted, check)
    limit = integrations.deadline.within(ACTIVATION_SECONDS)
    integrations.switch_on(integration_id, wanted, limit)


def _remove_again(integrations: Integrations, wanted: IntegrationSpec, made: list[str]) -> None:
    for integration_id in made:  # lists may not show it yet
        integration = integrations.get(integration_id)
        if integration and _is_ours(integration.feed, wanted):
            integrations.remove(integration_id)
    remove(integrations, wanted, creation_under_way=True)
