"""The life of our subscription in Genesys Cloud: made, changed, removed, and found again.

Nothing here trusts a stored id. A subscription is ours when it bears our name *and* sends to our
SQS queue; one that bears our name and sends elsewhere is somebody else's and is never touched.
"""

from collections.abc import Collection

from genesys.errors import GenesysError
from genesys.subscriptions import PATH, Entity, Subscriptions, SubscriptionSpec, destination_of
from provisioner.leftovers import NameTaken, looks, undone_on_failure

ACTIVATION_SECONDS = 60.0


def ensure(
    subscriptions: Subscriptions,
    wanted: SubscriptionSpec,
    *,
    former_queue_arn: str | None = None,
    afterwards: Subscriptions,
) -> str:
    """Make the org have exactly one subscription as wanted; return its id once it is active.

    Ours is found by name and destination, changed only where it differs, and made where there is
    none. When the call fails, what it made is removed again.

    Parameters
    ----------
    former_queue_arn
        A queue that our subscription may still send to, beside the wanted one.
    afterwards
        The same org, with time kept to remove what a failed call made.

    Raises
    ------
    NameTaken
        A subscription of that name is somebody else's.
    LeftBehind
        The call failed, and what it made could not be removed.
    NotActive, GenesysError
        The call failed, and nothing that it made is left.
    """
    queue_arns = {wanted.queue_arn, former_queue_arn or wanted.queue_arn}
    found = _find(subscriptions, wanted.name, queue_arns)
    if found:
        return _adapt(subscriptions, found, wanted)
    with undone_on_failure(
        PATH, lambda: remove(afterwards, wanted.name, wanted.queue_arn, creation_under_way=True)
    ):
        return _make(subscriptions, wanted, queue_arns)


def remove(
    subscriptions: Subscriptions, name: str, queue_arn: str, *, creation_under_way: bool = False
) -> None:
    """Remove our subscription; one that is gone already is as good.

    Parameters
    ----------
    creation_under_way
        Look for a while, because a creation that was given up may yet make it.
    """
    for _ in looks(subscriptions.deadline, creation_under_way=creation_under_way):
        for subscription_id in subscriptions.sending_to(queue_arn, name):
            subscriptions.remove(subscription_id)


def _find(subscriptions: Subscriptions, name: str, queue_arns: Collection[str]) -> list[Entity]:
    """Return the subscriptions that are ours; normally one or none."""
    named = subscriptions.named(name)
    for entity in named:
        if destination_of(entity) not in queue_arns:
            raise NameTaken(
                f"The subscription {name!r} (id {entity.get('id')}) exists already and sends to "
                f"{destination_of(entity) or 'a destination that is no SQS queue'}, which is not "
                "this stack's queue. It was left as it is. Deploy under another stage name, or "
                "remove that subscription."
            )
    return named


def _await(subscriptions: Subscriptions, name: str, queue_arns: Collection[str]) -> list[Entity]:
    """Return the subscriptions that are ours once lists show one; none if they do not soon."""
    for _ in looks(subscriptions.deadline, creation_under_way=True):
        if found := _find(subscriptions, name, queue_arns):
            return found
    return []


def _adapt(subscriptions: Subscriptions, found: list[Entity], wanted: SubscriptionSpec) -> str:
    kept, *superfluous = sorted(found, key=lambda entity: len(wanted.differences(entity)))
    if wanted.differences(kept) or kept.get("description") != wanted.description:
        subscriptions.replace(kept["id"], wanted)
    for entity in superfluous:
        subscriptions.remove(entity["id"])
    return _once_right(subscriptions, kept["id"], wanted)


def _make(
    subscriptions: Subscriptions, wanted: SubscriptionSpec, queue_arns: Collection[str]
) -> str:
    try:
        made = subscriptions.create(wanted)
    except GenesysError as error:
        # There is one of that name: from another run or a lost try of ours, or somebody else's.
        found = _await(subscriptions, wanted.name, queue_arns) if error.status == 409 else []
        if not found:
            raise
        return _adapt(subscriptions, found, wanted)
    return _once_right(subscriptions, made, wanted)


def _once_right(
    subscriptions: Subscriptions, subscription_id: str, wanted: SubscriptionSpec
) -> str:
    limit = subscriptions.deadline.within(ACTIVATION_SECONDS)
    subscriptions.wait_until_right(subscription_id, wanted, limit)
    return subscription_id
