"""Compares Genesys Cloud with the deployed stack; logs the result and emits a metric."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

import metrics
from aws_calls import code_of
from deadline import Deadline, InvocationContext, time_limit
from genesys.credentials import load_credentials
from genesys.errors import CredentialsError, GenesysError, LoginRefused, UserFacingError
from resources.resource import Comparison, Resource
from watchdog.deployment import Deployment
from watchdog.queue_check import report_unknown_queues

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

# The pause before the second comparison. Meanwhile a deploy may finish, and a new resource may
# appear in Genesys Cloud's lists.
COMPARISON_PAUSE_SECONDS = 30.0
# Both comparisons should end at a deadline that is this many seconds before the function's timeout.
DEADLINE_SECONDS_BEFORE_TIMEOUT = 10.0
# A comparison that overruns its deadline is interrupted this many seconds before the timeout, so
# that there is time for the result.
INTERRUPT_SECONDS_BEFORE_TIMEOUT = 5.0
# The longest time for looking up the queues.
MAX_LOOKUP_SECONDS = 20.0

# Error codes of Secrets Manager that last until somebody fixes the secret or the access to it.
_LASTING_SECRET_ERRORS = (
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
)


Backfills = Callable[[InvocationContext], None]
"""Looks for missing ends until shortly before the invocation's timeout; never raises an error."""


class ComparisonFailed(UserFacingError):
    """A comparison had no result; the failure may be transient."""


def watch(
    deployment: Deployment,
    context: InvocationContext,
    secrets: "SecretsManagerClient",
    eventbridge: "EventBridgeClient",
    logger: Logger,
    *,
    backfill: Backfills | None = None,
) -> dict[str, Any]:
    """Compare Genesys Cloud with the deployment; log the differences and emit a metric.

    The metric `SubscriptionHealthy` is 1 if there is no difference, else 0. In spite of its name,
    it covers integrations, too. If the first comparison finds a difference, a second comparison
    decides, half a minute later. Then `report_unknown_queues` checks the queues, and `backfill`
    looks for missing ends with the time that is left. Neither changes the result.

    Returns
    -------
    dict[str, Any]
        `healthy`, a bool, and `differences`, a list of sentences.

    Raises
    ------
    ComparisonFailed
        There is no result and no metric; the failure may be transient.
    """
    deadline = Deadline.before_timeout(context, DEADLINE_SECONDS_BEFORE_TIMEOUT)
    try:
        with time_limit(
            context.get_remaining_time_in_millis() / 1000 - INTERRUPT_SECONDS_BEFORE_TIMEOUT
        ):
            comparison = _compare(deployment.resource, deadline, secrets, eventbridge)
            if comparison.differences:
                if not deadline.sleep(COMPARISON_PAUSE_SECONDS):
                    raise ComparisonFailed("No time was left for the second comparison.")
                comparison = _compare(deployment.resource, deadline, secrets, eventbridge)
    except Exception as error:  # noqa: BLE001 - raised again with a safe message
        detail = str(error) if isinstance(error, GenesysError | UserFacingError) else ""
        logger.warning("Could not compare", error=type(error).__name__, detail=detail)
        # Lambda logs the `ComparisonFailed`, so it must not hold an unforeseen error's message.
        raise ComparisonFailed(detail or type(error).__name__) from None
    differences = list(comparison.differences)
    healthy = not differences
    if healthy:
        logger.info("Healthy", watched=deployment.resource.name, ids=list(comparison.ids))
    else:
        logger.warning("Unhealthy", differences=differences)
    metrics.emit({"Stage": deployment.stage}, {"SubscriptionHealthy": int(healthy)})
    if deployment.queue_ids:
        report_unknown_queues(deployment, deadline.within(MAX_LOOKUP_SECONDS), secrets, logger)
    if backfill:
        backfill(context)
    return {"healthy": healthy, "differences": differences}


def _compare(
    resource: Resource,
    deadline: Deadline,
    secrets: "SecretsManagerClient",
    eventbridge: "EventBridgeClient",
) -> Comparison:
    """Compare the resource; return a lasting error as the only difference."""
    try:
        credentials = load_credentials(secrets, resource.secret_name, deadline)
        client = resource.make_client(credentials, deadline)
        comparison = resource.compare(client, eventbridge)
    except (CredentialsError, GenesysError) as error:
        if _may_be_transient(error):
            raise
        return Comparison(differences=(_describe_lasting_error(error),))
    return comparison.sanitized(client.sanitize)


def _may_be_transient(error: CredentialsError | GenesysError) -> bool:
    match error:
        case CredentialsError(__cause__=BotoCoreError()):
            return True
        case CredentialsError(__cause__=ClientError() as cause):
            return code_of(cause) not in _LASTING_SECRET_ERRORS
        case GenesysError(status=status):
            return status not in (400, 401, 403, 404)
    # The secret could be read, but its content is invalid.
    return False


def _describe_lasting_error(error: CredentialsError | GenesysError) -> str:
    match error:
        case LoginRefused():
            return (
                "Genesys Cloud refuses the login: the client id or secret was changed, or the "
                f"OAuth client was removed. {error}."
            )
        case GenesysError(status=403):
            return f"The OAuth client has no read access: its role lacks a permission. {error}."
        case GenesysError():
            return f"Genesys Cloud refuses the watchdog's requests. {error}."
    return str(error)
