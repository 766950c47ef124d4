"""Checks of Genesys Cloud: login, delivery, permissions and queues."""

from uuid import uuid4

from genesys import analytics, integrations
from genesys.client import GenesysClient
from genesys.errors import GenesysError, LoginRefused, Unreachable
from genesys.queues import PERMISSION, Queue, find_queues, find_similar_queues
from ops.doctor.checks import Result, failed, ok, warning
from ops.doctor.deliveries import DELIVERIES
from ops.doctor.examination import Examination

_ANALYTICS_PERMISSION = "analytics:conversationDetail:view"
_MAX_SHOWN_QUEUES = 10
_OFFERS = {True: "is offered", False: "is not offered", None: "is unknown: the client may not ask"}


def check_login(examination: Examination) -> Result:
    """Check that Genesys Cloud accepts the OAuth client; the detail names the org."""
    settings = examination.settings

    def client(scopes: str) -> GenesysClient:
        return GenesysClient(
            settings.login_url,
            settings.api_url,
            examination.credentials,
            examination.deadline,
            scopes=scopes,
            # A refusal is shown at once. The operator decides when to try again.
            retries=False,
        )

    examination.genesys = client("")
    examination.delivery_client = client(examination.delivery.scopes)
    try:
        org = examination.genesys.request("GET", integrations.ORGANIZATION_PATH)
    except GenesysError as error:
        if isinstance(error, LoginRefused | Unreachable) or error.status not in (403, 404):
            raise
        # The login has succeeded, but the client's role does not let it see the org.
        return ok(f"accepted by {settings.login_url}")
    name = org.get("name") if isinstance(org, dict) else None
    shown = examination.genesys.sanitize(f'the org "{name}"') if name else "an org without a name"
    return ok(f"{shown}, at {settings.api_url}")


def check_delivery(examination: Examination) -> Result:
    """Check that the org offers the delivery that the settings choose."""
    chosen = examination.settings.delivery
    # The chosen delivery comes first.
    names = sorted(DELIVERIES, key=lambda name: name != chosen)
    offers = {name: DELIVERIES[name].is_offered(examination.genesys) for name in names}
    detail = "; ".join(f"{name} {_OFFERS[offers[name]]}" for name in names)
    if offers[chosen] is False:
        others = [name for name in names if name != chosen and offers[name] is not False]
        fix = (
            f'Set delivery = "{others[0]}" (docs/genesys.md compares the deliveries).'
            if others
            else "Ask Genesys Cloud to turn on one of the deliveries for your org."
        )
        return failed(f'delivery = "{chosen}" cannot work in this org: {detail}', fix)
    return ok(detail)


def check_permissions(examination: Examination) -> Result:
    """Check the permissions of the delivery; nothing is changed."""
    delivery = examination.delivery
    missing = delivery.missing_permissions(examination.delivery_client)
    if not missing:
        return ok(f"{', '.join(delivery.permissions())}. {delivery.untested}")
    names = " and ".join(missing)
    where = "Admin > Integrations > OAuth"
    fix = (
        f"Add the scope {names} to the OAuth client ({where}), and give its role the permission "
        f"for event {delivery.noun}s. Then try again, which gets a new token."
        if delivery.scopes
        else f"Give the role of the OAuth client ({where}) the permission {names}."
    )
    return failed(f"403: the OAuth client lacks {names}", fix)


def check_queues(examination: Examination) -> Result:
    """Check that the org has the queues; the detail has their names."""
    queue_ids = examination.settings.queue_ids
    try:
        found = find_queues(examination.genesys, queue_ids)
        unknown = [queue_id for queue_id in queue_ids if queue_id not in found]
        similar = find_similar_queues(examination.genesys, unknown) if unknown else {}
    except GenesysError as error:
        if error.status != 403:
            raise
        return warning(
            f"403: the OAuth client may not look up queues, as it lacks {PERMISSION}",
            f"Give its role the permission {PERMISSION}. Until then nobody checks the queue ids, "
            "and ends have no queue names.",
        )
    sanitize = examination.genesys.sanitize
    lines = [f"{found[each].name} ({each})" for each in queue_ids if each in found]
    if len(lines) > _MAX_SHOWN_QUEUES:
        lines[_MAX_SHOWN_QUEUES:] = [f"and {len(lines) - _MAX_SHOWN_QUEUES} more"]
    lines += [_describe_unknown(each, similar[each]) for each in unknown]
    detail = "\n".join(map(sanitize, lines))
    if unknown:
        return failed(
            detail,
            "Correct queue_ids: an id must match exactly, or no events arrive. Genesys Cloud shows "
            "it in the address of the queue's page (Admin > Contact Center > Queues). If the id is "
            "right, give the OAuth client its role for the queue's division.",
        )
    return ok(detail)


def check_analytics(examination: Examination) -> Result | None:
    """Check the permission for analytics, if the settings use analytics."""
    settings = examination.settings
    # `backfill` is a setting of newer versions.
    backfill = settings.backfill
    if settings.details == "none" and backfill == "off":
        return None
    try:
        examination.genesys.request("GET", analytics.PATH, query={"id": str(uuid4())})
    except GenesysError as error:
        if error.status == 403:
            return failed(
                f"403: the OAuth client lacks {_ANALYTICS_PERMISSION}",
                f"Give its role the permission {_ANALYTICS_PERMISSION}, or set details and "
                "backfill back.",
            )
        if error.status not in (400, 404):
            raise
    return ok(_ANALYTICS_PERMISSION)


def _describe_unknown(queue_id: str, similar: list[Queue]) -> str:
    text = f"no queue has the id {queue_id}"
    if similar:
        text += "; similar: " + ", ".join(f"{queue.name} ({queue.id})" for queue in similar)
    return text
