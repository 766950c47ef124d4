"""The permissions in a stack's template: each action on each resource, by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ROLES = {
    "Worker/Role": "worker",
    "Subscription/Provider/Role": "provisioner",
    "EventSource/Provider/Role": "provisioner",
    "Watchdog/Role": "watchdog",
    "Destinations/Archive/Role": "Firehose",
}
"""The roles' names in the table, keyed by construct path."""
PLACES = {
    "Intake/Queue": "intake queue",
    "Intake/DeadLetterQueue": "dead-letter queue",
    "EventSource/DeadLetterQueue": "undelivered queue",
    "Ledger/Table": "ledger's table",
    "Destinations/Bus": "bus for ends",
    "Destinations/Archive/Stream": "Firehose stream",
    "Destinations/Archive/Bucket": "archive's bucket",
    "Monitoring/Alarms/Topic": "alarms' topic",
    "Worker/Logs": "own log group",
    "Subscription/Provider/Logs": "own log group",
    "EventSource/Provider/Logs": "own log group",
    "Watchdog/Logs": "own log group",
    "Watchdog/Function": "watchdog",
}
"""The resources' names in the table, keyed by construct path."""
NAMED_BY_STATEMENT = {
    "ReadGenesysCredentials": "secret `genesys_secret`",
    "ReadWebhookKey": "secret `webhook_secret`",
    "ReadOwnStackStatus": "own stack",
    "SeePartnerEventSources": "Genesys Cloud's partner event sources",
    "WriteErrors": "own log stream",
    "TakeLease": "ledger's item with the lease",
    "TakeRequestSlots": "ledger's item with the request slots",
    "KeepBackfillCursors": "ledger's items with cursors and request slots",
    "UseKeyOfQueues": "key of the queues",
    "UseKeyOfLedger": "key of the ledger",
    "UseKeyOfBucket": "key of the bucket",
    "UseKeyOfSecrets": "key of the secrets",
}
"""The names in the table that do not follow from ARNs, keyed by the statement's `Sid`."""
NAMED_BY_ARN = (
    (r".*:network-interface/\*$", "network interfaces"),
    (r".*:subnet/", "the subnets"),
    (r".*:security-group/", "the security groups"),
    (r".*:\*/\*$", "EC2 resources of the account"),
    (r"^\*$", "everything"),
)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """An action that a statement of a role's policy allows or denies on one resource.

    Attributes
    ----------
    role
        The role's name in the table.
    sid
        The statement's id.
    resource
        The resource's name in the table.
    is_denial
        Whether the statement denies the action.
    """

    role: str
    sid: str
    action: str
    resource: str
    is_denial: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a grant is in the policy document of its role: the positions in the document."""

    statement: int
    action: int
    resource: int


def grants_of(template: Mapping[str, Any]) -> dict[str, dict[Grant, Place]]:
    """Return the grants of each role of a template, keyed by the role's logical id."""
    paths = paths_of(template)
    found: dict[str, dict[Grant, Place]] = {}
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            (policy,) = resource["Properties"]["Policies"]
            statements = policy["PolicyDocument"]["Statement"]
            role = ROLES[paths[logical_id]]
            found[logical_id] = dict(_grants_in(role, statements, paths))
    return found


def paths_of(template: Mapping[str, Any]) -> dict[str, str]:
    """Return the construct path of each resource below `QueueEnds`, keyed by logical id."""
    found = {}
    for logical_id, resource in template["Resources"].items():
        path = resource.get("Metadata", {}).get("aws:cdk:path", "")
        found[logical_id] = path.partition("/Default/")[2].removesuffix("/Resource")
    return found


def _grants_in(
    role: str, statements: list[dict[str, Any]], paths: Mapping[str, str]
) -> Iterator[tuple[Grant, Place]]:
    for number, statement in enumerate(statements):
        if statement["Sid"] in NAMED_BY_STATEMENT and len(as_list(statement["Resource"])) > 1:
            raise ValueError(f"{statement['Sid']} names one resource, but has several.")
        for action_number, action in enumerate(as_list(statement["Action"])):
            for resource_number, resource in enumerate(as_list(statement["Resource"])):
                name = NAMED_BY_STATEMENT.get(statement["Sid"]) or _name_of(resource, paths)
                is_denial = statement["Effect"] == "Deny"
                grant = Grant(role, statement["Sid"], action, name, is_denial)
                yield grant, Place(number, action_number, resource_number)


def _name_of(resource: Any, paths: Mapping[str, str]) -> str:
    match resource:
        case {"Fn::GetAtt": [logical_id, _]}:
            return PLACES[paths[logical_id]]
        case {"Fn::Join": ["", parts]}:
            ids = [part["Fn::GetAtt"][0] for part in parts if "Fn::GetAtt" in part]
            if ids:  # the objects in a bucket
                return f"objects in the {PLACES[paths[ids[0]]]}"
            text = "".join(part if isinstance(part, str) else "" for part in parts)
        case _:
            text = str(resource)
    return next(name for pattern, name in NAMED_BY_ARN if re.match(pattern, text))


def without(document: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return a role's policy document without one grant, and without any that is equal to it.

    In the result, each statement allows or denies one action on one resource.
    """
    statements = list(_single_statements(document))
    dropped = next(statement for statement, where in statements if where == place)
    kept = [statement for statement, _ in statements if statement != dropped]
    return {"Version": document["Version"], "Statement": kept}


def _single_statements(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Place]]:
    for number, statement in enumerate(document["Statement"]):
        rest = {key: statement[key] for key in ("Effect", "Condition") if key in statement}
        for action_number, action in enumerate(as_list(statement["Action"])):
            for resource_number, resource in enumerate(as_list(statement["Resource"])):
                single = {**rest, "Action": action, "Resource": resource}
                yield single, Place(number, action_number, resource_number)


def as_list(value: Any) -> list[Any]:
    """Return the values of a field that may hold one value or a list."""
    return value if isinstance(value, list) else [value]
