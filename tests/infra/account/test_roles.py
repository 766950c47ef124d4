"""Roles, tags and runtimes that a company's account and region allow."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.infra.stacks import Stack


def roles_of(stack: Stack) -> list[dict[str, Any]]:
    return [role["Properties"] for role in stack.of_type("AWS::IAM::Role")]


def role_names(stack: Stack, region: str = "ap-southeast-1") -> list[str]:
    """Return the names that the roles get in a region."""
    parts = [role["RoleName"]["Fn::Join"][1] for role in roles_of(stack)]
    assert all(end == {"Ref": "AWS::Region"} for _, end in parts)
    return sorted(start + region for start, _ in parts)


@pytest.mark.parametrize("fixture", ["company", "company_eventbridge"])
def test_every_role_has_the_boundary_the_path_and_the_prefix(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    synthesised: Stack = request.getfixturevalue(fixture)
    start = ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}]
    boundary = {"Fn::Join": ["", [*start, ":policy/developers"]]}
    roles = roles_of(synthesised)
    names = role_names(synthesised)

    assert len(roles) == 4
    assert all(role["PermissionsBoundary"] == boundary for role in roles)
    assert {role["Path"] for role in roles} == {"/queue-ends/"}
    assert all(name.startswith("acme-contact-centre-s") for name in names)
    assert len({*names}) == len(names)
    assert max(map(len, names)) <= 64


def test_no_role_is_named_unless_a_prefix_is_set(stack: Stack, tuned: Stack) -> None:
    for synthesised in (stack, tuned):
        for role in roles_of(synthesised):
            assert role.keys().isdisjoint({"RoleName", "Path", "PermissionsBoundary"})


def test_no_two_roles_of_an_account_get_the_same_name(
    company: Stack, company_eventbridge: Stack, stack_with: Callable[..., Stack]
) -> None:
    """Roles that replace others are made first, so their names must differ, too."""
    prefix, long_stage = "acme-contact-centre-", "s" * 54
    named = [
        stack_with(stage=stage, role_prefix=prefix, role_path=path)
        for stage, path in (
            (long_stage, None),
            (long_stage, "/queue-ends/"),
            (f"{long_stage}2", None),
            ("dev", None),
        )
    ]
    names = [name for stack in named for name in role_names(stack)]
    names += [name for stack in named for name in role_names(stack, "eu-west-1")]

    assert len({*names}) == len(names)
    # A stage keeps its names, except for the role of the other delivery.
    assert {*role_names(named[1])} < {*role_names(company)}
    assert len({*role_names(company)} & {*role_names(company_eventbridge)}) == 3


def test_the_bootstrap_qualifier_of_the_context_counts(company: Stack) -> None:
    code = company.properties("Worker/Function")["Code"]
    assert "cdk-acme1-assets-" in str(code["S3Bucket"])
    version = company.template["Parameters"]["BootstrapVersion"]
    assert version["Default"] == "/cdk-bootstrap/acme1/version"


def test_functions_run_on_the_processor_and_the_python_that_the_region_has(company: Stack) -> None:
    functions = [each["Properties"] for each in company.of_type("AWS::Lambda::Function")]
    assert len(functions) == 3
    assert {function["Runtime"] for function in functions} == {"python3.12"}
    assert all(function["Architectures"] == ["x86_64"] for function in functions)


def test_all_resources_have_the_tags_of_the_setting(company: Stack, stack: Stack) -> None:
    def tagged(synthesised: Stack, key: str) -> set[str]:
        return {
            path
            for path in synthesised.ids
            if key in str(synthesised.properties(path).get("Tags", ()))
        }

    assert tagged(company, "contact-centre") == tagged(company, "project")
    assert tagged(company, "project") >= tagged(stack, "project")
    assert {"Key": "team", "Value": "contact-centre"} in company.properties("Intake/Queue")["Tags"]
