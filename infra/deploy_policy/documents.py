"""The policy documents for those who deploy and compare a stack."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from .names import Target, kms_keys
from .resource_types import RESOURCE_TYPES, UNBOUND_ACTIONS

MAX_CHARACTERS = 6_144
"""IAM's limit for a managed policy; it does not count white space."""

# DynamoDB and EventBridge use a key with the permissions of whoever sets it.
_KEY_USES = (
    "Decrypt DescribeKey Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom "
    "ReEncryptTo"
)

Statement = dict[str, Any]
Document = dict[str, Any]


class UnknownResourceType(Exception):
    """The template has a type of resource whose permissions are not known."""


def execution_documents(target: Target) -> list[Document]:
    """Return the policies of the role with which CloudFormation changes the stack's resources.

    Raises
    ------
    UnknownResourceType
        If the template has a type of resource that RESOURCE_TYPES lacks.
    """
    return _pack([*_resource_statements(target), *_further_statements(target)])


def deploy_document(target: Target) -> Document:
    """Return the policy of a pipeline that deploys: it assumes the roles of the CDK's bootstrap."""
    roles = [_bootstrap_role(target, role) for role in ("deploy", "file-publishing", "lookup")]
    return _document([_statement("AssumeBootstrapRoles", ["sts:AssumeRole"], roles)])


def review_documents(target: Target) -> list[Document]:
    """Return the policies of a pipeline that compares a stack and detects drift; all are reads."""
    stack = f"arn:{target.partition}:cloudformation:{target.region}:{target.account}:stack"
    statements = [
        _statement(
            "CompareStack",
            [
                "cloudformation:DescribeStacks",
                "cloudformation:GetTemplate",
                "cloudformation:DetectStackDrift",
                "cloudformation:DetectStackResourceDrift",
                "cloudformation:DescribeStackResourceDrifts",
            ],
            [f"{stack}/{target.stack_name}/*"],
        ),
        _statement("AwaitDrift", ["cloudformation:DescribeStackDriftDetectionStatus"], ["*"]),
        _bootstrap_version(target),
        *filter(None, map(_reads_of, _resource_statements(target))),
    ]
    return _pack(statements)


def characters(document: Document) -> int:
    """Return the size of a document as IAM counts it."""
    return len(json.dumps(document, separators=(",", ":")))


def _resource_statements(target: Target) -> Iterator[Statement]:
    types = sorted({resource["Type"] for resource in target.resources.values()})
    unknown = [t for t in types if t not in RESOURCE_TYPES and not t.startswith("Custom::")]
    if unknown:
        raise UnknownResourceType(
            f"The permissions for {', '.join(unknown)} are not known: add them to RESOURCE_TYPES "
            "in infra/deploy_policy/resource_types.py, from the handlers of the resource's schema."
        )
    actions = _actions_by_type(target)
    for home in sorted(actions):
        sid = home.removeprefix("AWS::").replace("::", "")
        bound = sorted(actions[home] - UNBOUND_ACTIONS.keys())
        yield from _bind(target, home, _statement(sid, bound, target.arns(home)))
    unbound = UNBOUND_ACTIONS.keys() & set().union(*actions.values())
    # `_bind` binds this action by a condition.
    yield _statement("Unbound", sorted(unbound - {"lambda:CreateEventSourceMapping"}), ["*"])


def _actions_by_type(target: Target) -> dict[str, set[str]]:
    """Return the actions by type of resource; a part's actions are with those of its home."""
    actions: defaultdict[str, set[str]] = defaultdict(set)
    for resource in target.resources.values():
        if known := RESOURCE_TYPES.get(resource["Type"]):
            home = known.part_of or resource["Type"]
            service = RESOURCE_TYPES[home].arns[0].partition(":")[0]
            names = known.actions.split()
            for property_name, more in known.optional_actions.items():
                names += more.split() if property_name in resource["Properties"] else []
            actions[home] |= {f"{service}:{name}" for name in names}
    return actions


def _bind(target: Target, resource_type: str, statement: Statement) -> Iterator[Statement]:
    """Yield a type's statement, split where conditions bind some of its actions more tightly."""
    actions = set(statement["Action"])
    match resource_type:
        case "AWS::Lambda::EventSourceMapping":
            functions = target.arns("AWS::Lambda::Function")
            ours = {"ArnLike": {"lambda:FunctionArn": functions}}
            changes = {f"lambda:{verb}EventSourceMapping" for verb in ("Update", "Delete")}
            yield _statement("MapOurFunctions", ["lambda:CreateEventSourceMapping"], ["*"], ours)
            yield {**statement, "Action": sorted(changes), "Condition": ours}
            yield {**statement, "Sid": "TagMappings", "Action": sorted(actions - changes)}
        case "AWS::IAM::Role":
            boundaries = {
                target.text(role["Properties"].get("PermissionsBoundary", ""))
                for role in target.of_type(resource_type)
            }
            if "" in boundaries:
                yield statement
                return
            # No role is created, and none gets permissions, outside of the boundary.
            within = {"StringEquals": {"iam:PermissionsBoundary": sorted(boundaries)}}
            giving = {f"iam:{name}" for name in ("CreateRole", "PutRolePolicy", "AttachRolePolicy")}
            given = sorted(giving & actions | {"iam:PutRolePermissionsBoundary"})
            yield {**statement, "Action": sorted(actions - giving)}
            yield _statement("WithinBoundary", given, statement["Resource"], within)
        case _:
            yield statement


def _further_statements(target: Target) -> Iterator[Statement]:
    """Yield what CloudFormation needs besides the permissions for each type of resource."""
    services = sorted(
        {
            statement["Principal"]["Service"]
            for role in target.of_type("AWS::IAM::Role")
            for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            if "Service" in statement["Principal"]
        }
    )
    to_services = {"StringEquals": {"iam:PassedToService": services}}
    roles, functions = target.arns("AWS::IAM::Role"), target.arns("AWS::Lambda::Function")
    yield _statement("PassRoles", ["iam:PassRole"], roles, to_services)
    yield _statement("CallCustomResources", ["lambda:InvokeFunction"], functions)
    assets = f"cdk-{target.qualifier}-assets-{target.account}-{target.region}"
    yield _statement("ReadAssets", ["s3:GetObject"], [f"arn:{target.partition}:s3:::{assets}/*"])
    yield _bootstrap_version(target)
    if any("VpcConfig" in f["Properties"] for f in target.of_type("AWS::Lambda::Function")):
        network = [action for action in UNBOUND_ACTIONS if action.startswith("ec2:")]
        yield _statement("FindNetwork", network, ["*"])
    if keys := sorted(kms_keys(target.resources)):
        yield _statement("UseKeys", [f"kms:{name}" for name in _KEY_USES.split()], keys)
        for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        yield _statement("LendKeys", ["kms:CreateGrant", "kms:RevokeGrant"], keys, for_aws)


def _bootstrap_version(target: Target) -> Statement:
    place = f"arn:{target.partition}:ssm:{target.region}:{target.account}"
    parameter = f"{place}:parameter/cdk-bootstrap/{target.qualifier}/version"
    return _statement("ReadBootstrap", ["ssm:GetParameter", "ssm:GetParameters"], [parameter])


def _bootstrap_role(target: Target, role: str) -> str:
    place = f"{target.account}-{target.region}"
    name = f"cdk-{target.qualifier}-{role}-role-{place}"
    return f"arn:{target.partition}:iam::{target.account}:role/{name}"


def _reads_of(statement: Statement) -> Statement | None:
    """Return the part of a statement that only reads, if there is one."""
    verbs = ("Get", "List", "Describe")
    reads = [a for a in statement["Action"] if a.split(":")[1].startswith(verbs)]
    return {**statement, "Action": reads} if reads else None


def _statement(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    condition: dict[str, Any] | None = None,
) -> Statement:
    found = {"Sid": sid, "Effect": "Allow", "Action": [*actions], "Resource": [*resources]}
    return {**found, "Condition": condition} if condition else found


def _document(statements: Sequence[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": [*statements]}


def _pack(statements: Sequence[Statement]) -> list[Document]:
    """Return as few documents as the order of the statements allows within IAM's limit."""
    documents: list[Document] = []
    for statement in statements:
        if documents:
            fuller = _document([*documents[-1]["Statement"], statement])
            if characters(fuller) <= MAX_CHARACTERS:
                documents[-1] = fuller
                continue
        documents.append(_document([statement]))
    return documents
