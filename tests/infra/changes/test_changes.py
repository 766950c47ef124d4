"""The page on changes of a deployed stage, compared with what CloudFormation would do."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.losses.losses import loss_of
from infra.settings.settings import KEYS
from tests.infra.stacks import PROJECT, Stack

PAGE = (PROJECT / "docs/changes.md").read_text(encoding="utf-8")
NO_PART = "\N{EN DASH}"

# What a stack with all its parts has. Each change below is a change of this stack.
EVERYTHING: dict[str, Any] = {
    "delivery": "eventbridge",
    "archive_days": 30,
    "destinations": ("actions", "bus", "webhook", "archive"),
    "webhook_url": "https://hooks.example.com/ended",
    "webhook_secret": "queue-ends/webhook",
    "alarm_emails": ("on-call@example.com",),
}
# Key and the page's words for the change → the value that the change sets.
REMOVING_CHANGES: dict[tuple[str, str], Any] = {
    ("delivery", "any"): "subscription",
    ("destinations", "without `bus`"): ("actions", "webhook", "archive"),
    ("destinations", "without `archive`"): ("actions", "bus", "webhook"),
    ("archive_days", "to 0"): 0,
    ("watchdog", "to `off`"): "off",
    ("packaging", "to `host`"): "host",
}
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d"
OTHER_VALUES: dict[str, Any] = {
    "queue_ids": ("q1",),
    "genesys_environment": "mypurecloud.ie",
    "genesys_secret": "other",
    "genesys_login_url": "https://login.example.com",
    "genesys_api_url": "https://api.example.com",
    "genesys_account": "325654371633",
    "attribute_filter": "queueId = 'q1'",
    "end_rule": "queue_leg",
    "settle_seconds": 9,
    "details": "analytics",
    "details_wait_seconds": 9,
    "details_attempts": 9,
    "details_personal": True,
    "webhook_url": "https://example.org",
    "webhook_secret": "another",
    "webhook_allow_private": True,
    "ledger_days": 400,
    "ledger_recovery_days": 7,
    "archive_expiry_days": 400,
    "protect": True,
    "batch_size": 9,
    "batching_window_seconds": 9,
    "max_concurrency": 9,
    "worker_timeout_seconds": 90,
    "worker_memory_mb": 512,
    "max_receive_count": 9,
    "retry_delay_seconds": 9,
    "backfill": "report",
    "alarm_emails": (),
    "silence_hours": 9,
    "runbook_url": "https://example.org/runbook",
    "log_level": "DEBUG",
    "log_retention_days": 90,
    "tracing": True,
    "secret_kms_key_arn": KEY_ARN,
    "kms_key_arn": KEY_ARN,
    "vpc_subnet_ids": ("subnet-0a1b2c3d",),
    "vpc_security_group_ids": ("sg-0a1b2c3d",),
    "role_path": "/acme/",
    "role_prefix": "acme-",
    "tags": (("team", "blue"),),
    "actions_path": "functions/destinations",
    "architecture": "x86_64",
    "python_version": "3.13",
}
"""A value for each other key that differs from the stack with all its parts."""


@pytest.fixture(scope="module")
def everything(stack_with: Callable[..., Stack]) -> Stack:
    return stack_with(**EVERYTHING)


def documented() -> Iterator[tuple[str, str, set[str]]]:
    """Yield key, change and removed parts of each row of the table."""
    for row in re.findall(r"^\| `(\w+)` \|(.+)\|$", PAGE, re.MULTILINE):
        change, removed, _ = (cell.strip() for cell in row[1].split("|"))
        yield row[0], change, {part for part in removed.split(", ") if part != NO_PART}


def lost_parts(before: Stack, after: Stack) -> set[str]:
    """Return the parts that an update of one stack to the other removes or replaces."""
    old, new = before.template["Resources"], after.template["Resources"]
    paths = {logical_id: path for path, logical_id in before.ids.items()}
    return {
        loss.what
        for logical_id, resource in old.items()
        if is_lost(resource, new.get(logical_id))
        if (loss := loss_of(resource["Type"], paths[logical_id]))
    }


def is_lost(resource: Mapping[str, Any], update: Mapping[str, Any] | None) -> bool:
    """Return whether CloudFormation deletes a resource, or creates another one in its place."""
    if update is None or update["Type"] != resource["Type"]:
        return True
    paths = create_only(resource["Type"])
    return any(value_at(path, resource) != value_at(path, update) for path in paths)


@functools.cache
def create_only(resource_type: str) -> list[list[str]]:
    """Return the paths of the properties whose change makes CloudFormation replace a resource."""
    if resource_type.startswith("Custom::"):
        return [["properties", "ServiceToken"]]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    names = ("createOnlyProperties", "conditionalCreateOnlyProperties")
    return [path.strip("/").split("/") for name in names for path in schema.get(name, ())]


def value_at(path: list[str], resource: Mapping[str, Any]) -> Any:
    value: Any = resource.get("Properties", {})
    for step in path[1:]:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def test_every_setting_is_on_the_page() -> None:
    safe = PAGE.split("\n## Settings that are safe to change\n")[1].split("\n## ")[0]
    in_table = {key for key, _, _ in documented()}
    in_text = set(re.findall(r"`(\w+)`", safe))

    assert in_table & in_text == set()
    assert in_table | in_text == KEYS.keys()


@pytest.mark.parametrize(("key", "change"), REMOVING_CHANGES)
def test_the_page_names_what_a_change_removes(
    key: str, change: str, everything: Stack, stack_with: Callable[..., Stack]
) -> None:
    after = stack_with(**EVERYTHING | {key: REMOVING_CHANGES[key, change]})
    removed = lost_parts(everything, after)
    if change == "any":
        removed |= lost_parts(after, everything)

    rows = {(k, c): parts for k, c, parts in documented()}
    assert removed == rows[key, change] != set()


def test_no_other_change_removes_anything(
    everything: Stack, stack_with: Callable[..., Stack]
) -> None:
    assert {(key, change) for key, change, parts in documented() if parts} == {*REMOVING_CHANGES}
    assert OTHER_VALUES.keys() == KEYS.keys() - {key for key, _ in REMOVING_CHANGES}

    for delivery in ("eventbridge", "subscription"):
        before = everything if delivery == "eventbridge" else stack_with()
        base = EVERYTHING if delivery == "eventbridge" else {}
        after = stack_with(**base | OTHER_VALUES | {"delivery": delivery})
        assert lost_parts(before, after) == lost_parts(after, before) == set()


def test_a_change_that_replaces_a_part_is_noticed(everything: Stack) -> None:
    """Otherwise, the tests above would find nothing for want of a schema."""
    template = {"Resources": {**everything.template["Resources"]}}
    queue = everything.ids["Intake/Queue"]
    properties = {**template["Resources"][queue]["Properties"], "QueueName": "another"}
    template["Resources"][queue] = {"Type": "AWS::SQS::Queue", "Properties": properties}
    after = Stack(everything.construct, everything.settings, template, everything.ids)

    assert lost_parts(everything, after) == {"the intake queue"}
