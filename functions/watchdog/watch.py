"""The comparison of Genesys Cloud with the deployed stack, as a log line and a metric."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

import metrics
from aws_calls import code_of
from deadline import Deadline, InvocationContext, time_limit
from genesys.credentials import load_credentials
from genesys.errors import CredentialsError, Explained, GenesysError, LoginRefused
from resources.resource import Comparison, Resource
from watchdog.deployed import Deployed

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Seconds until the second look: a deploy may be under way, and lists lag.
SECOND_LOOK = 30.0
# Seconds before the function's timeout at which looking ends, and all but the answer.
WORK_RESERVE = 10.0
ANSWER_RESERVE = 5.0


class CouldNotLook(Explained):
    """A failed comparison, for a reason that may pass: nothing is known."""


# Secrets Manager's errors that last until somebody mends the secret or the right to read it.
_LASTING_SECRET_ERRORS = (
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
)


def watch(
    deployed: Deployed,
    context: InvocationContext,
    secrets: "SecretsManagerClient",
    events: "EventBridgeClient",
    logger: Logger,
) -> dict[str, Any]:
    """Compare Genesys Cloud with what was deployed; log the differences and emit a metric.

    `SubscriptionHealthy` is 1 without a difference, else 0. A first difference counts only if a
    second look, after a while, finds one too.

    Returns
    -------
    dict[str, Any]
        `healthy`, and `differences`: a list of sentences.

    Raises
    ------
    CouldNotLook
        For a reason that may pass: nothing is known, and there is no metric.
    """
    deadline = Deadline.before_timeout(context, WORK_RESERVE)
    try:
        with time_limit(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE):
            comparison = _compare(deployed.resource, deadline, secrets, events)
            if comparison.differences:
                if not deadline.sleep(SECOND_LOOK):
                    raise CouldNotLook("No time was left to look again at what differs.")
                comparison = _compare(deployed.resource, deadline, secrets, events)
    except Exception as error:  # noqa: BLE001 - raised again without an unforeseen text
        why = str(error) if isinstance(error, GenesysError | Explained) else ""
        logger.warning("Could not look", error=type(error).__name__, detail=why)
        # Lambda logs the error that is raised: it must hold nothing of an unforeseen one.
        raise CouldNotLook(why or type(error).__name__) from None
    differences = list(comparison.differences)
    healthy = not differences
    if healthy:
        logger.info("Healthy", watched=deployed.resource.name, ids=list(comparison.ids))
    else:
        logger.warning("Unhealthy", differences=differences)
    metrics.emit({"Stage": deployed.stage}, {"SubscriptionHealthy": int(healthy)})
    return {"healthy": healthy, "differences": differences}


def _compare(
    resource: Resource,
    deadline: Deadline,
    secrets: "SecretsManagerClient",
    events: "EventBridgeClient",
) -> Comparison:
    """Return the comparison; a refusal that lasts is a difference, too."""
    try:
        credentials = load_credentials(secrets, resource.secret_name, deadline)
        client = resource.client(credentials, deadline)
        comparison = resource.compare(client, events)
    except (CredentialsError, GenesysError) as error:
        if _may_pass(error):
            raise
        return Comparison(differences=(_refusal(error),))
    return comparison.cleaned(client.clean)


def _may_pass(error: CredentialsError | GenesysError) -> bool:
    match error:
        case CredentialsError(__cause__=BotoCoreError()):
            return True
        case CredentialsError(__cause__=ClientError() as cause):
            return code_of(cause) not in _LASTING_SECRET_ERRORS
        case GenesysError(status=status):
            return status not in (400, 401, 403, 404)
    return False


def _refusal(error: CredentialsError | GenesysError) -> str:
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
