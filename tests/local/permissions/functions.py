"""Journeys of the provisioner and the watchdog.

Their code runs in this process, with the role of the deployed function. There it need not wait for
the permissions of a new role to take effect.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from backfill.passes import PASSES
from ledger_keys import BACKFILL_KEY
from local.traffic.analytics import analytics_of
from local.traffic.subscription import QUEUES
from provisioner.clients import Clients as ProvisionerClients
from provisioner.custom_resource import handle_request
from provisioner.response import Response
from tests.local.permissions.deployed import Log, Stack, new_conversation, new_logger
from watchdog.backfill_step import BackfillStep
from watchdog.clients import Clients as WatchdogClients
from watchdog.deployment import Deployment
from watchdog.watch import watch

MINUTE_MS = 60_000
TIMEOUT_SECONDS = 240.0


def updates_the_resource(stack: Stack) -> None:
    """An Update finds the subscription or the integration as it is."""
    resource = json.loads(stack.variables("watchdog")["DEPLOYED"])
    properties = resource["ResourceProperties"]
    request = {"RequestType": "Update", **resource, "OldResourceProperties": properties}
    response = _request(stack, {**request, "PhysicalResourceId": _physical_id(stack)})
    assert response.status == "SUCCESS", response.reason


def refuses_a_late_create(stack: Stack) -> None:
    """A Create whose stack does not wait for it any more makes nothing, and says why."""
    resource = json.loads(stack.variables("watchdog")["DEPLOYED"])
    properties = {**resource["ResourceProperties"], "Name": "queue-ends-late", "Suffix": "late"}
    response = _request(
        stack, {"RequestType": "Create", **resource, "ResourceProperties": properties}
    )
    assert response.status == "FAILED"
    assert "COMPLETE" in (response.reason or ""), response.reason


def waits_for_the_event_source(stack: Stack) -> None:
    """The second custom resource succeeds when the partner event source is active."""
    (name,) = (
        bus["Name"]
        for bus in stack.client("events").list_event_buses()["EventBuses"]
        if bus["Name"].startswith("aws.partner/")
    )
    request = {"RequestType": "Create", "ResourceType": "Custom::GenesysEventSourceActive"}
    response = _request(stack, {**request, "ResourceProperties": {"EventSourceName": name}})
    assert response.status == "SUCCESS", response.reason


def finds_all_well(stack: Stack) -> None:
    """The watchdog finds everything as it was deployed."""
    result, log = _watch(stack)
    assert result["healthy"] is True, log.text
    assert not log.shows_refusal, log.text


def heals(stack: Stack) -> None:
    """The watchdog puts right what somebody has changed in Genesys Cloud."""
    genesys, name = stack.world.genesys, f"queue-ends-{stack.stage}"
    if stack.delivery == "subscription":
        (ours,) = genesys.subscriptions.find_by_name(name)
        changed, field = ours, "attributeFilter"
    else:
        (ours,) = genesys.integrations.find_by_name(name)
        changed, field = ours["config"]["current"]["properties"], "eventFilter"
    right = changed[field]
    changed[field] = right[:-1]
    try:
        result, log = _watch(stack)
        assert result["healed"], log.text
        assert result["healthy"] is True, log.text
    finally:
        changed[field] = right


def sends_a_missed_end(stack: Stack) -> None:
    """The backfill finds an end that never arrived, and sends it to the intake queue."""
    conversation = new_conversation()
    stack.world.genesys.analytics.add(analytics_of(conversation.events, QUEUES))
    ended_ms = max(end.at_ms for ends in conversation.ends.values() for end in ends)
    _forget_backfills(stack)
    try:
        for now_ms in (ended_ms - MINUTE_MS, ended_ms + 60 * MINUTE_MS):
            log = _run_backfill(stack, now_ms)
            assert not log.shows_refusal, log.text
    finally:
        _forget_backfills(stack)
    sent = stack.client("sqs").receive_message(QueueUrl=stack.deployment.outputs["QueueUrl"])
    assert sent.get("Messages"), log.text


def _request(stack: Stack, event: dict[str, Any]) -> Response:
    """Have the provisioner carry out a request of CloudFormation."""
    services = ("secretsmanager", "events", "cloudformation")
    clients = ProvisionerClients(*(stack.client_as("provisioner", one) for one in services))
    logger, _ = new_logger()
    stacks = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    event |= {"StackId": stacks[0]["StackId"]}
    with _established_role():
        return handle_request(event, _Invocation(), clients, logger)


def _watch(stack: Stack) -> tuple[dict[str, Any], Log]:
    """Run the watchdog without its backfill; return its result and its log."""
    deployment = Deployment.from_environment(stack.variables("watchdog"))
    logger, stream = new_logger()
    with _established_role():
        result = watch(deployment, _Invocation(), _watchdog_clients(stack), logger)
    return result, Log(stream.getvalue())


def _run_backfill(stack: Stack, now_ms: int) -> Log:
    """Run the backfill at a time; return its log."""
    deployment = Deployment.from_environment(stack.variables("watchdog"))
    assert deployment.backfill
    logger, stream = new_logger()
    clients = _watchdog_clients(stack)
    step = BackfillStep(deployment, deployment.backfill, clients, logger, lambda: now_ms)
    with _established_role():
        step(_Invocation())
    return Log(stream.getvalue())


def _watchdog_clients(stack: Stack) -> WatchdogClients:
    services = ("secretsmanager", "events", "cloudformation", "sqs", "dynamodb")
    return WatchdogClients(*(stack.client_as("watchdog", one) for one in services))


@contextmanager
def _established_role() -> Iterator[None]:
    """Make the code take no role for new, so that it retries no refused request."""
    with ExitStack() as patches:
        for module in ("genesys.credentials", "genesys.partner_source", "resources.stack_status"):
            patches.enter_context(patch(f"{module}.NEW_ROLE_SECONDS", 0))
        patches.enter_context(patch("watchdog.watch.COMPARISON_PAUSE_SECONDS", 0))
        yield


class _Invocation:
    """The context of an invocation with the functions' timeout."""

    def __init__(self) -> None:
        self._timeout_at = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int((self._timeout_at - time.monotonic()) * 1000)


def _physical_id(stack: Stack) -> str:
    (found,) = (
        stack.physical_ids[logical_id]
        for logical_id, resource in stack.template["Resources"].items()
        if resource["Type"] in ("Custom::GenesysSubscription", "Custom::GenesysEventSource")
    )
    return found


def _forget_backfills(stack: Stack) -> None:
    """Delete the cursors and the request slots, which belong to the time of one backfill."""
    table = stack.deployment.outputs["LedgerTableName"]
    for one in PASSES:
        key = {"conversation_id": {"S": BACKFILL_KEY}, "queue_id": {"S": f"#{one.name}"}}
        stack.client("dynamodb").delete_item(TableName=table, Key=key)
    stack.forget_request_slots()
