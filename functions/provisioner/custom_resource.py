"""A custom resource: from CloudFormation's request to the answer, on every path."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from deadline import Deadline, InvocationContext, time_limit
from genesys.credentials import load_credentials
from provisioner.answer import Answer
from provisioner.failure_reason import failure_reason
from provisioner.request import Request, RequestError, kind_of, properties_of, resource_type_of
from resources.registry import CONDITIONS, Condition
from resources.undo import LeftBehind
from tracebacks import traceback_locations

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
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
    events: "EventBridgeClient",
    logger: Logger,
) -> Answer:
    """Carry out a request of CloudFormation's and return the answer; never raise.

    The answer to a Create that failed and left nothing behind has an id that begins with
    `nothing-created/`. The Delete of such an id succeeds without a call.
    """
    request = None
    try:
        with time_limit(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE):
            if _has_nothing_to_delete(event):
                answer = Answer("SUCCESS", event["PhysicalResourceId"])
            elif condition := CONDITIONS.get(resource_type_of(event)):
                answer = _once_ready(event, context, events, condition)
            else:
                request = Request.parse(event)
                answer = _carry_out(request, context, secrets, events)
    except Exception as error:  # noqa: BLE001 - CloudFormation gets an answer, whatever it was
        answer = Answer("FAILED", _id_after(error, request, event), failure_reason(error, request))
        logger.warning("failed", error=type(error).__name__, frames=traceback_locations(error))
    logger.info(
        "answered",
        request_type=event.get("RequestType"),
        status=answer.status,
        reason=answer.reason,
        physical_id=answer.physical_id,
        data=answer.data,
    )
    return answer


def _once_ready(
    event: Mapping[str, Any],
    context: InvocationContext,
    events: "EventBridgeClient",
    condition: Condition,
) -> Answer:
    """Answer for a resource that makes nothing."""
    if kind_of(event) == "Delete":
        return Answer("SUCCESS", str(event.get("PhysicalResourceId")))
    deadline = Deadline.before_timeout(context, WORK_RESERVE)
    return Answer("SUCCESS", condition(properties_of(event), events, deadline))


def _carry_out(
    request: Request,
    context: InvocationContext,
    secrets: "SecretsManagerClient",
    events: "EventBridgeClient",
) -> Answer:
    resource = request.resource
    if request.kind == "Update" and request.former_api_host != resource.api_host:
        raise RequestError(
            f"The {resource.noun} is in another org ({request.former_api_host}) and cannot be "
            f"moved to {resource.api_host}: destroy the stack first, or use another stage."
        )
    until_work_ends, until_cleanup_ends = (
        Deadline.before_timeout(context, reserve) for reserve in (WORK_RESERVE, CLEANUP_RESERVE)
    )
    credentials = load_credentials(secrets, resource.secret_name, until_work_ends)
    cleanup = resource.client(credentials, until_cleanup_ends)
    if request.kind == "Delete":
        resource.remove(cleanup, creation_under_way=request.creation_may_be_under_way)
        return Answer("SUCCESS", request.physical_id)
    work = resource.client(credentials, until_work_ends)
    data = resource.ensure(work, events, former=request.former, cleanup=cleanup)
    return Answer("SUCCESS", resource.physical_id, data=data)


def _has_nothing_to_delete(event: Mapping[str, Any]) -> bool:
    physical_id = str(event.get("PhysicalResourceId") or "")
    return event.get("RequestType") == "Delete" and physical_id.startswith(NOTHING_CREATED)


def _id_after(error: Exception, request: Request | None, event: Mapping[str, Any]) -> str:
    """Return the physical id to answer a failure with."""
    if event.get("PhysicalResourceId"):
        return str(event["PhysicalResourceId"])
    if request is None:
        return f"{NOTHING_CREATED}{event.get('RequestId')}"
    if isinstance(error, LeftBehind | TimeoutError):
        return request.resource.physical_id
    return f"{NOTHING_CREATED}{request.resource.physical_id}"
