"""The custom resource: from CloudFormation's request to the answer, on every path there is."""

import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from deadline import Deadline, InvocationContext, interrupted_after
from genesys.client import GenesysClient
from genesys.credentials import load_credentials
from genesys.subscriptions import Subscriptions
from subscription import lifecycle
from subscription.advice import advice
from subscription.answer import Answer
from subscription.request import Request, RequestError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

NOTHING_CREATED = "nothing-created/"
# Seconds before the function's timeout at which work, clean-up and all but the answer end.
WORK_RESERVE = 60.0
CLEANUP_RESERVE = 35.0
# Four tries of five seconds, and the pauses between them.
ANSWER_RESERVE = 22.0


def answer_to(
    event: Mapping[str, Any],
    context: InvocationContext,
    secrets: "SecretsManagerClient",
    logger: Logger,
) -> Answer:
    """Carry out one of CloudFormation's requests and return the answer to it; never raises.

    A Create that failed and left nothing behind is answered with an id that begins with
    `nothing-created/`, whose Delete succeeds without a call.
    """
    request = None
    try:
        with interrupted_after(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE):
            if _has_nothing_to_delete(event):
                answer = Answer("SUCCESS", event["PhysicalResourceId"])
            else:
                request = Request.parse(event)
                answer = _carry_out(request, context, secrets)
    except Exception as error:  # noqa: BLE001 - CloudFormation gets an answer, whatever it was
        answer = Answer("FAILED", _id_after(error, request, event), advice(error, request))
        # Frames only: the text of an error that nobody foresaw could hold anything.
        frames = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        logger.warning("failed", error=type(error).__name__, frames=frames)
    logger.info(
        "answered",
        request_type=event.get("RequestType"),
        status=answer.status,
        reason=answer.reason,
        physical_id=answer.physical_id,
        data=answer.data,
    )
    return answer


def _has_nothing_to_delete(event: Mapping[str, Any]) -> bool:
    physical_id = str(event.get("PhysicalResourceId") or "")
    return event.get("RequestType") == "Delete" and physical_id.startswith(NOTHING_CREATED)


def _carry_out(
    request: Request, context: InvocationContext, secrets: "SecretsManagerClient"
) -> Answer:
    properties = request.properties
    if request.kind == "Update" and request.former_api_host != properties.api_host:
        raise RequestError(
            f"The subscription is in another org ({request.former_api_host}) and cannot be moved "
            f"to {properties.api_host}: destroy the stack first, or use another stage."
        )
    credentials = load_credentials(
        secrets, properties.secret_name, Deadline.before_timeout_of(context, WORK_RESERVE)
    )

    def org(reserve: float) -> Subscriptions:
        deadline = Deadline.before_timeout_of(context, reserve)
        return Subscriptions(
            GenesysClient(properties.login_url, properties.api_url, credentials, deadline)
        )

    if request.kind == "Delete":
        lifecycle.remove(
            org(CLEANUP_RESERVE),
            properties.wanted.name,
            properties.wanted.queue_arn,
            creation_under_way=request.physical_id != properties.physical_id,
        )
        return Answer("SUCCESS", request.physical_id)
    subscription_id = lifecycle.ensure(
        org(WORK_RESERVE),
        properties.wanted,
        former_queue_arn=request.former_queue_arn,
        afterwards=org(CLEANUP_RESERVE),
    )
    return Answer("SUCCESS", properties.physical_id, data={"SubscriptionId": subscription_id})


def _id_after(error: Exception, request: Request | None, event: Mapping[str, Any]) -> str:
    """Return the physical id to answer a failure with."""
    if event.get("PhysicalResourceId"):
        return str(event["PhysicalResourceId"])
    if request is None:
        return f"{NOTHING_CREATED}{event.get('RequestId')}"
    if isinstance(error, lifecycle.LeftBehind | TimeoutError):
        return request.properties.physical_id
    return f"{NOTHING_CREATED}{request.properties.physical_id}"
