"""Settings for a company's account can be set for a stack that is deployed already."""

from collections.abc import Callable
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.infra.conftest import COMPANY
from tests.infra.stacks import Stack

OF_ROLES = {name: COMPANY[name] for name in ("role_path", "role_prefix")}
OF_OTHERS = {
    name: COMPANY[name]
    for name in (
        *("kms_key_arn", "secret_kms_key_arn", "vpc_subnet_ids", "vpc_security_group_ids"),
        *("tags", "architecture", "python_version"),
    )
}
EVERYTHING: dict[str, Any] = {
    "delivery": "eventbridge",
    "archive_days": 30,
    "destinations": ("bus", "archive"),
    "backfill": "repair",
}


def replaced_types(before: Stack, after: Stack) -> set[str]:
    """Return the types of the resources that CloudFormation would replace or delete."""
    old, new = before.template["Resources"], after.template["Resources"]
    return {
        resource["Type"]
        for name, resource in old.items()
        if name not in new
        or changed_properties(resource, new[name]) & create_only_properties(resource["Type"])
    }


def changed_properties(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    properties = old["Properties"].keys() | new["Properties"].keys()
    return {
        name for name in properties if old["Properties"].get(name) != new["Properties"].get(name)
    }


def create_only_properties(resource_type: str) -> set[str]:
    """Return the properties whose change replaces the resource, from CloudFormation's schema."""
    if resource_type.startswith("Custom::"):
        return {"ServiceToken"}
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    paths: list[str] = schema.get("createOnlyProperties", [])
    return {path.split("/")[2] for path in paths}


def test_a_deployed_stack_keeps_its_resources_when_it_gets_keys_a_network_or_tags(
    stack_with: Callable[..., Stack],
) -> None:
    before = stack_with(**EVERYTHING)
    after = stack_with(**EVERYTHING, **OF_OTHERS)

    assert len(after.template["Resources"]) == len(before.template["Resources"])
    assert replaced_types(before, after) == set()


def test_only_roles_are_replaced_when_their_path_or_names_change(
    stack_with: Callable[..., Stack],
) -> None:
    before = stack_with(**EVERYTHING)
    after = stack_with(**EVERYTHING, **OF_ROLES)

    assert replaced_types(before, after) == {"AWS::IAM::Role"}
