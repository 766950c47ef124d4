"""The custom resources: from CloudFormation's request to the answer, on every path there is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from deadline import Deadline, InvocationContext, interrupted_after
from genesys.credentials import load_credentials
from genesys.integration_spec import IntegrationSpec
from genesys.integrations import Integrations
from genesys.subscriptions import Subscriptions, SubscriptionSpec
from provisioner import integration, source_active, subscription
from provisioner.answer import Answer
from provisioner.failure_reason import failure_reason
from provisioner.leftovers import LeftBehind
from provisioner.request import Request, RequestError
from tracebacks import places_of

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
    """Carry out one of CloudFormation's requests and return the answer to it; never raises.

    A Create that failed and left nothing behind is answered with an id that begins with
    `nothing-created/`, whose Delete succeeds without a call.
    """
    request = None
    try:
        with interrupted_after(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE):
            if _has_nothing_to_delete(event):
                answer = Answer("SUCCESS", event["PhysicalResourceId"])
            elif event.get("ResourceType") == source_active.RESOURCE_TYPE:
                deadline = Deadline.before_timeout_of(context, WORK_RESERVE)
                answer = source_active.once_active(event, events, deadline)
            else:
                request = Request.parse(event)
                answer = _carry_out(request, context, secrets, events)
    except Exception as error:  # noqa: BLE001 - CloudFormation gets an answer, whatever it was
        answer = Answer("FAILED", _id_after(error, request, event), failure_reason(error, request))
        logger.warning("failed", error=type(error).__name__, frames=places_of(error))
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
    request: Request,
    context: InvocationContext,
    secrets: "SecretsManagerClient",
    events: "EventBridgeClient",
) -> Answer:
    properties = request.properties
    if request.kind == "Update" and request.former_api_host != properties.api_host:
        raise RequestError(
            f"The {properties.noun} is in another org ({request.former_api_host}) and cannot be "
            f"moved to {properties.api_host}: destroy the stack first, or use another stage."
        )
    credentials = load_credentials(
        secrets, properties.secret_name, Deadline.before_timeout_of(context, WORK_RESERVE)
    )
    work, cleanup = (
        properties.client(credentials, Deadline.before_timeout_of(context, reserve))
        for reserve in (WORK_RESERVE, CLEANUP_RESERVE)
    )
    match properties.wanted:
        case SubscriptionSpec() as subscription:
            data = _subscription(request, subscription, Subscriptions(work), Subscriptions(cleanup))
        case IntegrationSpec() as source:
            data = _event_source(request, source, Integrations(work), Integrations(cleanup), events)
    if request.kind == "Delete":
        return Answer("SUCCESS", request.physical_id)
    return Answer("SUCCESS", properties.physical_id, data=data)


def _subscription(
    request: Request, wanted: SubscriptionSpec, work: Subscriptions, cleanup: Subscriptions
) -> dict[str, str]:
    if request.kind == "Delete":
        late = request.may_come_late
        subscription.remove(cleanup, wanted.name, wanted.queue_arn, creation_under_way=late)
        return {}
    subscription_id = subscription.ensure(
        work, wanted, former_queue_arn=request.former_queue_arn, afterwards=cleanup
    )
    return {"SubscriptionId": subscription_id}


def _event_source(
    request: Request,
    wanted: IntegrationSpec,
    work: Integrations,
    cleanup: Integrations,
    events: "EventBridgeClient",
) -> dict[str, str]:
    if request.kind == "Delete":
        integration.remove(cleanup, wanted, creation_under_way=request.may_come_late)
        return {}
    return integration.ensure(
        work,
        events,
        wanted,
        updating=request.kind == "Update",
        former_feed=request.former_feed,
        afterwards=cleanup,
    )


def _id_after(error: Exception, request: Request | None, event: Mapping[str, Any]) -> str:
    """Return the physical id to answer a failure with."""
    if event.get("PhysicalResourceId"):
        return str(event["PhysicalResourceId"])
    if request is None:
        return f"{NOTHING_CREATED}{event.get('RequestId')}"
    if isinstance(error, LeftBehind | TimeoutError):
        return request.properties.physical_id
    return f"{NOTHING_CREATED}{request.properties.physical_id}"
