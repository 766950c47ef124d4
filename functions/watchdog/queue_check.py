"""Checks that Genesys Cloud still has the stack's queues; emits a metric."""

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

import metrics
from deadline import Deadline
from genesys.client import GenesysClient
from genesys.credentials import load_credentials
from genesys.errors import GenesysError, UserFacingError
from genesys.queues import find_queues
from time_limit import time_limit
from watchdog.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A lookup that overruns its deadline by this many seconds is interrupted.
_OVERRUN_SECONDS = 5.0


def report_unknown_queues(
    deployment: Deployment,
    deadline: Deadline,
    secrets: "SecretsManagerClient",
    logger: Logger,
) -> None:
    """Emit the metric `UnknownQueues`, the number of our queues that the org no longer has.

    If the lookup fails, log the reason and emit nothing. The OAuth client may lack the permission,
    which only this check and the queues' names need.
    """
    resource = deployment.resource
    try:
        with time_limit(deadline.left() + _OVERRUN_SECONDS):
            credentials = load_credentials(secrets, resource.secret_name, deadline)
            genesys = GenesysClient(resource.login_url, resource.api_url, credentials, deadline)
            found = find_queues(genesys, deployment.queue_ids)
    except Exception as error:  # noqa: BLE001 - this check must not fail the watchdog's run
        detail = str(error) if isinstance(error, GenesysError | UserFacingError) else ""
        logger.info("Could not look up queues", error=type(error).__name__, detail=detail)
        return
    unknown_ids = [queue_id for queue_id in deployment.queue_ids if queue_id not in found]
    if unknown_ids:
        differences = [
            f"Genesys Cloud has no queue {queue_id}, or the OAuth client cannot see its division."
            for queue_id in unknown_ids
        ]
        logger.warning("Unknown queues", differences=differences)
    metrics.emit({"Stage": deployment.stage}, {"UnknownQueues": len(unknown_ids)})
