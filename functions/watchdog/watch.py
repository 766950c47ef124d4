"""One look at how things are: what differs is logged, and is a metric."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

import metrics
from aws_calls import code_of
from deadline import Deadline, InvocationContext, interrupted_after
from genesys.credentials import load_credentials
from genesys.errors import CredentialsError, GenesysError, LoginRefused
from genesys.integration_spec import IntegrationSpec
from genesys.integrations import Integrations
from genesys.partner_source import Unknown
from genesys.subscriptions import Subscriptions, SubscriptionSpec
from watchdog.deployed import Deployed
from watchdog.differences import Found, of_event_source, of_subscription

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Seconds until a difference is looked at again: a deploy may be under way, and lists lag.
SECOND_LOOK = 30.0
# Seconds before the function's timeout at which looking ends, and all but the answer.
WORK_RESERVE = 10.0
ANSWER_RESERVE = 5.0


class CouldNotLook(Exception):
    """How things are in Genesys Cloud is not known, for a reason that may pass."""


# What Secrets Manager says when the secret, or the right to read it, is gone.
_LASTING = (
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
)
_SAFE_TO_SHOW = (GenesysError, CredentialsError, Unknown, CouldNotLook)


def watch(
    deployed: Deployed,
    context: InvocationContext,
    secrets: "SecretsManagerClient",
    events: "EventBridgeClient",
    logger: Logger,
) -> dict[str, Any]:
    """Compare what is there with what was deployed; log what differs and emit a metric.

    `SubscriptionHealthy` is 1 when nothing differs, else 0. What differs at first is looked at
    again after a while.

    Returns
    -------
    dict[str, Any]
        `healthy`, and `differences`: a list of sentences.

    Raises
    ------
    CouldNotLook
        For a reason that may pass: then nothing is known, and there is no metric.
    """
    deadline = Deadline.before_timeout_of(context, WORK_RESERVE)
    try:
        with interrupted_after(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE):
            found = _look(deployed, deadline, secrets, events)
            if found.differences:
                if not deadline.sleep(SECOND_LOOK):
                    raise CouldNotLook("No time was left to look again at what differs.")
                found = _look(deployed, deadline, secrets, events)
    except Exception as error:  # noqa: BLE001 - what is raised instead says what is known of it
        why = str(error) if isinstance(error, _SAFE_TO_SHOW) else ""
        logger.warning("Could not look", error=type(error).__name__, detail=why)
        # Lambda logs what is raised: nothing of an error that nobody foresaw may be in it.
        raise CouldNotLook(why or type(error).__name__) from None
    differences = list(found.differences)
    healthy = not differences
    if healthy:
        logger.info("Healthy", watched=deployed.properties.wanted.name, ids=list(found.ids))
    else:
        logger.warning("Unhealthy", differences=differences)
    metrics.emit({"Stage": deployed.stage}, {"SubscriptionHealthy": int(healthy)})
    return {"healthy": healthy, "differences": differences}


def _look(
    deployed: Deployed,
    deadline: Deadline,
    secrets: "SecretsManagerClient",
    events: "EventBridgeClient",
) -> Found:
    """Return what was found; that we are refused is such a difference, too."""
    properties = deployed.properties
    try:
        credentials = load_credentials(secrets, properties.secret_name, deadline)
        client = properties.client(credentials, deadline)
        match properties.wanted:
            case SubscriptionSpec() as subscription:
                found = of_subscription(Subscriptions(client), subscription)
            case IntegrationSpec() as source:
                found = of_event_source(Integrations(client), events, source)
    except (CredentialsError, GenesysError) as error:
        if _may_pass(error):
            raise
        return Found(differences=(_refused(error),))
    return found.cleaned(client.clean)


def _may_pass(error: CredentialsError | GenesysError) -> bool:
    match error:
        case CredentialsError(__cause__=BotoCoreError()):
            return True
        case CredentialsError(__cause__=ClientError() as cause):
            return code_of(cause) not in _LASTING
        case GenesysError(status=status):
            return status not in (400, 401, 403, 404)
    return False


def _refused(error: CredentialsError | GenesysError) -> str:
    match error:
        case LoginRefused():
            return (
                "Genesys Cloud refuses the login: the client id or secret was changed, or the "
                f"OAuth client removed. {error}."
            )
        case GenesysError(status=403):
            return f"The OAuth client may not look: its role lacks a permission. {error}."
        case GenesysError():
            return f"Genesys Cloud refuses to be asked. {error}."
    return str(error)
