"""Carries out CloudFormation's requests to a custom resource; always returns a response."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from deadline import Deadline, InvocationContext
from genesys.credentials import load_credentials
from outside_text import Cleaner
from provisioner.clients import Clients
from provisioner.creation_check import make_creation_check
from provisioner.failure_reason import failure_reason
from provisioner.request import (
    Request,
    RequestError,
    parse_kind,
    parse_old_properties,
    parse_properties,
    parse_resource_type,
)
from provisioner.response import Response
from resources.org import Org
from resources.queue_names import QueueNames
from resources.registry import LOOKUPS, WAIT_FUNCTIONS, WaitFunction
from resources.undo import CleanupFailed
from time_limit import time_limit
from tracebacks import traceback_locations

NOTHING_CREATED_PREFIX = "nothing-created/"
# The work must end AFTER_WORK_SECONDS before the function's timeout. The clean-up after failed work
# must end AFTER_CLEANUP_SECONDS before the timeout.
AFTER_WORK_SECONDS = 60.0
AFTER_CLEANUP_SECONDS = 35.0
# Work or clean-up that still runs when only RESPONSE_SECONDS are left is interrupted. This time is
# enough for all attempts at sending the response (see `provisioner.response`).
RESPONSE_SECONDS = 22.0
# The last question for the stack's status may come at the end of the work.
STATUS_SECONDS = 5.0
# The longest time for looking up the names of queues.
LOOKUP_SECONDS = 60.0
# More than that fits neither the response nor anybody's screen.
MAX_REASON_CHARACTERS = 3_500


def handle_request(
    event: Mapping[str, Any],
    context: InvocationContext,
    clients: Clients,
    logger: Logger,
) -> Response:
    """Carry out a CloudFormation request and return the response; never raise.

    If a Create failed and left nothing behind, the physical id begins with `nothing-created/`. A
    later Delete with such an id succeeds without a request to Genesys Cloud.
    """
    request: Request | None = None
    org: Org | None = None
    cleaner = Cleaner()
    try:
        with time_limit(context.get_remaining_time_in_millis() / 1000 - RESPONSE_SECONDS):
            if _has_nothing_to_delete(event):
                response = Response("SUCCESS", str(event.get("PhysicalResourceId")))
            elif wait := WAIT_FUNCTIONS.get(parse_resource_type(event)):
                response = _carry_out_wait(event, context, clients, wait)
            elif lookup := LOOKUPS.get(parse_resource_type(event)):
                org = lookup.parse(parse_properties(event))
                response = _carry_out_lookup(
                    org, event, context, clients, logger=logger, cleaner=cleaner
                )
            else:
                request = Request.parse(event)
                response = _change_resource(request, context, clients, cleaner)
    except Exception as error:  # noqa: BLE001 - CloudFormation must get a response
        response = Response(
            "FAILED",
            _physical_id_after_failure(error, request, event),
            failure_reason(error, request or org),
        )
        logger.warning("failed", error=type(error).__name__, frames=traceback_locations(error))
    response = _clean(response, cleaner)
    logger.info(
        "answered",
        request_type=cleaner.clean(str(event.get("RequestType"))),
        status=response.status,
        reason=response.reason,
        physical_id=cleaner.clean(response.physical_id),
        data=response.data,
    )
    return response


def _carry_out_wait(
    event: Mapping[str, Any],
    context: InvocationContext,
    clients: Clients,
    wait: WaitFunction,
) -> Response:
    """Carry out a request to a custom resource that only waits for a state in AWS."""
    parse_kind(event)
    deadline = Deadline.before_timeout(context, AFTER_WORK_SECONDS)
    physical_id = wait(parse_properties(event), clients.eventbridge, deadline)
    return Response("SUCCESS", physical_id)


def _carry_out_lookup(
    queues: QueueNames,
    event: Mapping[str, Any],
    context: InvocationContext,
    clients: Clients,
    *,
    logger: Logger,
    cleaner: Cleaner,
) -> Response:
    """Carry out a request to a custom resource that only looks up the names of queues."""
    is_update = parse_kind(event) == "Update"
    deadline = Deadline.before_timeout(context, AFTER_WORK_SECONDS).within(LOOKUP_SECONDS)
    data = queues.look_up(
        lambda: queues.make_client(
            load_credentials(clients.secrets, queues.secret_name, deadline),
            deadline,
            cleaner=cleaner,
        ),
        parse_old_properties(event) if is_update else None,
    )
    if data.problem:
        logger.warning("queue names unknown", detail=cleaner.clean(data.problem))
    if data.left_out:
        logger.warning("queue names left out", queue_ids=list(data.left_out))
    return Response("SUCCESS", queues.physical_id, data=data.attributes())


def _change_resource(
    request: Request, context: InvocationContext, clients: Clients, cleaner: Cleaner
) -> Response:
    """Create, update or delete the resource in Genesys Cloud."""
    resource = request.resource
    if request.kind == "Update" and request.old_api_host != resource.api_host:
        raise RequestError(
            f"The {resource.noun} is in another org ({request.old_api_host}) and cannot be "
            f"moved to {resource.api_host}: destroy the stack first, or use another stage."
        )
    work_deadline = Deadline.before_timeout(context, AFTER_WORK_SECONDS)
    cleanup_deadline = Deadline.before_timeout(context, AFTER_CLEANUP_SECONDS)
    check_creation = make_creation_check(
        request, clients.cloudformation, work_deadline.extended_by(STATUS_SECONDS)
    )
    credentials = load_credentials(clients.secrets, resource.secret_name, work_deadline)
    cleanup_client = resource.make_client(credentials, cleanup_deadline, cleaner=cleaner)
    if request.kind == "Delete":
        # A Delete needs no clean-up afterwards, so it can use the later deadline.
        resource.remove(cleanup_client, resource_may_yet_appear=request.resource_may_yet_appear)
        return Response("SUCCESS", request.physical_id)
    work_client = resource.make_client(credentials, work_deadline, check_creation, cleaner)
    data = resource.ensure(
        work_client,
        clients.eventbridge,
        old_properties=request.old_properties,
        cleanup_client=cleanup_client,
    )
    return Response("SUCCESS", resource.physical_id, data=data)


def _clean(response: Response, cleaner: Cleaner) -> Response:
    """Return a response without secrets, and with a reason of one line."""
    reason = cleaner.clean(response.reason, MAX_REASON_CHARACTERS)
    data = {key: cleaner.mask(value) for key, value in (response.data or {}).items()}
    return replace(response, reason=reason, data=data or None)


def _has_nothing_to_delete(event: Mapping[str, Any]) -> bool:
    """Return whether an event is a Delete of a custom resource that has created nothing."""
    physical_id = str(event.get("PhysicalResourceId") or "")
    never_creates = parse_resource_type(event) in (*WAIT_FUNCTIONS, *LOOKUPS)
    created_nothing = never_creates or physical_id.startswith(NOTHING_CREATED_PREFIX)
    return event.get("RequestType") == "Delete" and created_nothing


def _physical_id_after_failure(
    error: Exception, request: Request | None, event: Mapping[str, Any]
) -> str:
    """Return the physical id for the response to a request that failed."""
    # A failed Update or Delete keeps the id.
    if event.get("PhysicalResourceId"):
        return str(event["PhysicalResourceId"])
    # The request is invalid, or its custom resource creates nothing.
    if request is None:
        return f"{NOTHING_CREATED_PREFIX}{event.get('RequestId')}"
    # The clean-up failed, or `time_limit` interrupted the work or the clean-up. The resource may
    # exist, so a later Delete must look for it.
    if isinstance(error, CleanupFailed | TimeoutError):
        return request.resource.physical_id
    return f"{NOTHING_CREATED_PREFIX}{request.resource.physical_id}"
