"""The IAM policies of a deploy, against cfn-lint's copies of the schemas and of IAM's reference."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.deploy_policy.documents import (
    MAX_CHARACTERS,
    characters,
    deploy_document,
    execution_documents,
    review_documents,
)
from infra.deploy_policy.names import Target
from infra.deploy_policy.resource_types import RESOURCE_TYPES, UNBOUND_ACTIONS
from tests.infra.stacks import PROJECT, Stack

ACCOUNT, REGION = "123456789012", "eu-central-1"
IAM_REFERENCE = json.loads(
    (resources.files("cfnlint") / "data/AdditionalSpecs/Policies.json").read_text()
)
# Actions that the handlers list for reading or deleting, and that these resources do not need.
NOT_NEEDED = {
    # EventBusPolicy is a resource of its own; the stack has none.
    "AWS::Events::EventBus": {"events:RemovePermission"},
}


def target_of(stack: Stack) -> Target:
    return Target(stack.template, stack.settings.stack_name, ACCOUNT, REGION)


def statements_of(stack: Stack) -> Iterator[dict[str, Any]]:
    target = target_of(stack)
    for document in (
        *execution_documents(target),
        deploy_document(target),
        *review_documents(target),
    ):
        yield from document["Statement"]


def statement_with(stack: Stack, action: str) -> dict[str, Any]:
    (document, *more) = execution_documents(target_of(stack))
    statements = [s for d in (document, *more) for s in d["Statement"]]
    found: dict[str, Any]
    (found,) = [s for s in statements if action in s["Action"]]
    return found


def changed(stack: Stack, resource_type: str, **properties: Any) -> Stack:
    """Return the stack with more properties of all resources of a type."""
    template = json.loads(json.dumps(stack.template))
    for resource in template["Resources"].values():
        if resource["Type"] == resource_type:
            resource["Properties"] |= properties
    return Stack(stack.construct, stack.settings, template, stack.ids)


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
def test_the_actions_for_a_type_are_those_of_its_handlers(resource_type: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    by_handler = {name: set(h["permissions"]) for name, h in schema["handlers"].items()}
    tagging = set(schema["tagging"].get("permissions", ()))
    known = RESOURCE_TYPES[resource_type]
    service = RESOURCE_TYPES[known.part_of or resource_type].arns[0].partition(":")[0]
    names = [known.actions, *known.optional_actions.values()]
    ours = {f"{service}:{name}" for name in " ".join(names).split()}

    allowed = set().union(*by_handler.values()) | tagging
    assert ours - allowed == set()

    always = by_handler.get("read", set()) | by_handler["delete"]
    needed = {a for a in always if a.startswith(f"{service}:")}
    assert needed - ours - NOT_NEEDED.get(resource_type, set()) == set()


def test_every_action_exists_and_is_bound_to_resources_if_iam_can_bind_it(
    variants: dict[str, Stack],
) -> None:
    for stack in variants.values():
        for statement in statements_of(stack):
            for action in statement["Action"]:
                service, name = action.split(":")
                reference = IAM_REFERENCE[service]["Actions"]
                (entry,) = [e for key, e in reference.items() if key.lower() == name.lower()]
                if statement["Resource"] == ["*"] and not action.startswith("cloudwatch:"):
                    assert "Resources" not in entry, action


def test_only_actions_with_a_reason_are_allowed_on_everything(
    variants: dict[str, Stack],
) -> None:
    unbound = {
        action
        for stack in variants.values()
        for statement in statements_of(stack)
        if "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert unbound - {"cloudformation:DescribeStackDriftDetectionStatus"} <= UNBOUND_ACTIONS.keys()


def test_every_resource_is_in_the_account_and_of_the_stage(variants: dict[str, Stack]) -> None:
    """Only Genesys Cloud and Lambda choose ids that the template does not contain."""
    for stack in variants.values():
        stage = stack.settings.stage
        ours = [f"QueueEnds-{stage}"[:24], f"queueends-{stage}"[:24], f"queue-ends-{stage}"]
        qualifier = target_of(stack).qualifier
        ours += [f"QueueEnds{stage}", f"cdk-bootstrap/{qualifier}/version", f"cdk-{qualifier}-"]
        ours += ["event-source-mapping:*", f"archive/QueueEnds-{stage[:7]}"]
        if prefix := stack.settings.role_prefix:
            ours.append(f"role{stack.settings.role_path or '/'}{prefix}{stage[:5]}")
        for statement in statements_of(stack):
            for arn in {*statement["Resource"]} - {"*", stack.settings.kms_key_arn}:
                assert any(name in arn for name in ours), arn
                assert ACCOUNT in arn or arn.startswith("arn:aws:s3:::"), arn


def test_the_policies_of_the_largest_stack_fit_into_managed_policies(
    variants: dict[str, Stack],
) -> None:
    for stack in variants.values():
        target = target_of(stack)
        documents = [*execution_documents(target), *review_documents(target)]
        assert max(map(characters, documents)) <= MAX_CHARACTERS
        # A role takes ten managed policies unless its quota is raised.
        assert len(execution_documents(target)) <= 3
        for document in documents:
            sids = [statement["Sid"] for statement in document["Statement"]]
            assert len({*sids}) == len(sids)
            assert all(sid.isalnum() for sid in sids)


def test_roles_are_passed_only_to_the_services_that_use_them(stack: Stack, lean: Stack) -> None:
    def services(of: Stack) -> list[str]:
        statement = statement_with(of, "iam:PassRole")
        assert statement["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/QueueEnds-dev-*"]
        found: list[str] = statement["Condition"]["StringEquals"]["iam:PassedToService"]
        return found

    assert services(stack) == ["lambda.amazonaws.com"]
    assert services(lean) == ["firehose.amazonaws.com", "lambda.amazonaws.com"]


def test_a_stack_whose_roles_have_a_boundary_gives_permissions_only_within_it(
    stack: Stack,
) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/developers"
    template = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/developers"}
    bounded = changed(stack, "AWS::IAM::Role", PermissionsBoundary=template)

    statement = statement_with(bounded, "iam:PutRolePolicy")

    assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": [boundary]}}
    assert {"iam:CreateRole", "iam:PutRolePermissionsBoundary"} <= {*statement["Action"]}
    assert statement_with(bounded, "iam:DeleteRole")["Resource"] == statement["Resource"]


def test_roles_with_a_path_and_a_prefix_are_named_by_both(stack: Stack) -> None:
    renamed = changed(stack, "AWS::IAM::Role", Path="/acme/", RoleName="acme-QueueEnds-dev-worker")
    assert statement_with(renamed, "iam:CreateRole")["Resource"] == [
        f"arn:aws:iam::{ACCOUNT}:role/acme/acme-QueueEnds-dev-worker"
    ]


@pytest.mark.parametrize(
    ("resource_type", "pattern"),
    [
        ("AWS::Lambda::Function", "function:QueueEnds-contact-centre*"),
        ("AWS::Events::Archive", "archive/QueueEnds-contact*"),
    ],
)
def test_a_name_is_known_as_far_as_cloudformation_keeps_the_name_of_the_stack(
    resource_type: str, pattern: str
) -> None:
    template = {"Resources": {"It": {"Type": resource_type}}}
    target = Target(template, "QueueEnds-contact-centre-north", ACCOUNT, REGION)
    assert pattern in {arn.rpartition(f"{ACCOUNT}:")[2] for arn in target.arns(resource_type)}


def test_the_region_decides_on_the_partition() -> None:
    regions = ("eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1")
    assert [Target({}, "QueueEnds-dev", ACCOUNT, region).partition for region in regions] == [
        Session().get_partition_for_region(region) for region in regions
    ]


def test_cloudformation_may_use_and_lend_keys_as_the_handlers_do(
    variants: dict[str, Stack],
) -> None:
    company = variants["company_eventbridge"]
    ours = {action for statement in statements_of(company) for action in statement["Action"]}
    for resource_type in {resource["Type"] for resource in company.resources} & {*RESOURCE_TYPES}:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
        handlers = [schema["handlers"].get(name, {}) for name in ("create", "update", "delete")]
        actions = {action for handler in handlers for action in handler.get("permissions", ())}
        needed = {action for action in actions if action.startswith("kms:")}
        # IAM knows no ReEncrypt, and a key that is named by its ARN needs no list of aliases.
        assert needed - ours <= {"kms:ReEncrypt", "kms:ListAliases"}, resource_type


def test_keys_and_private_networks_are_granted_only_where_they_are_used(stack: Stack) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1a2b"
    private = changed(stack, "AWS::Lambda::Function", VpcConfig={"SubnetIds": ["subnet-1"]})
    encrypted = changed(stack, "AWS::SQS::Queue", KmsMasterKeyId=key)

    assert statement_with(private, "ec2:DescribeSubnets")["Resource"] == ["*"]
    assert statement_with(encrypted, "kms:CreateGrant")["Resource"] == [key]
    usual = {action for s in statements_of(stack) for action in s["Action"]}
    assert {action for action in usual if action.startswith(("ec2:", "kms:"))} == set()


def test_the_review_policy_only_reads(variants: dict[str, Stack]) -> None:
    for stack in variants.values():
        statements = [s for d in review_documents(target_of(stack)) for s in d["Statement"]]
        names = {action.split(":")[1] for s in statements for action in s["Action"]}
        verbs = ("Describe", "Detect", "Get", "List")
        assert {name for name in names if not name.startswith(verbs)} == set()
        assert names & {"GetObject", "GetSecretValue", "GetItem"} == set()


def run(template: Path, folder: Path, account: str = ACCOUNT) -> subprocess.CompletedProcess[str]:
    place = [str(template), account, REGION, str(folder)]
    command = [sys.executable, "-m", "infra.deploy_policy", *place]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_the_policies_are_written_into_files(stack: Stack, tmp_path: Path) -> None:
    template, folder = tmp_path / "QueueEnds-dev.template.json", tmp_path / "policy"
    template.write_text(json.dumps(stack.template))

    written = run(template, folder)

    assert written.returncode == 0, written.stderr
    files = {file.name: json.loads(file.read_text()) for file in folder.iterdir()}
    assert [line.split()[0] for line in written.stdout.splitlines()] == [
        str(folder / name) for name in ("execution.json", "deploy.json", "review.json")
    ]
    assert [files["execution.json"]] == execution_documents(target_of(stack))
    assert files["deploy.json"] == deploy_document(target_of(stack))


def test_an_unknown_type_and_a_missing_account_stop_the_command(tmp_path: Path) -> None:
    template = tmp_path / "QueueEnds-dev.template.json"
    template.write_text(json.dumps({"Resources": {"Vpc": {"Type": "AWS::EC2::VPC"}}}))

    unknown = run(template, tmp_path / "policy")
    nowhere = run(template, tmp_path / "policy", account="")

    assert unknown.returncode == nowhere.returncode == 1
    assert "AWS::EC2::VPC are not known" in unknown.stderr
    assert "make policy ACCOUNT=" in nowhere.stderr
    assert not (tmp_path / "policy").exists()
