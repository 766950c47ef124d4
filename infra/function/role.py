"""Roles whose path and name follow the account's rules."""

import hashlib
from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ..settings.settings import Settings

# IAM's limit.
_MAX_NAME_CHARACTERS = 64
# The longest names of regions have this length, such as ap-southeast-1.
_MAX_REGION_CHARACTERS = 14
_HASH_CHARACTERS = 8


def make_role(
    scope: Construct,
    *,
    settings: Settings,
    noun: str,
    service: str,
    statements: Sequence[iam.PolicyStatement],
    trust_conditions: Mapping[str, object] | None = None,
) -> iam.Role:
    """Make a role for an AWS service, with the statements as its only policy.

    Parameters
    ----------
    noun
        The word for the role in its name, of at most 12 letters. Two roles of a stage must not
        share a word, not even if one replaces the other in an update.
    trust_conditions
        What must hold when the service takes the role.
    """
    return iam.Role(
        scope,
        "Role",
        role_name=_role_name(scope, settings, noun) if settings.role_prefix else None,
        path=settings.role_path,
        assumed_by=iam.ServicePrincipal(service, conditions=trust_conditions),
        inline_policies={"Permissions": iam.PolicyDocument(statements=statements)},
    )


def _role_name(scope: Construct, settings: Settings, noun: str) -> str:
    """Return a name with the setting `role_prefix`, such as acme-dev-worker-1a2b3c4d-eu-west-1.

    Role names are unique in an account, across its regions and paths, so the name has the region.
    An update to another path makes the new role before it deletes the old one, so the name has a
    hash of the path. The hash is of the stage, too, which can be too long for the name.
    """
    prefix, stage = settings.role_prefix or "", settings.stage
    digest = hashlib.sha256(f"{stage} {settings.role_path}".encode()).hexdigest()
    end = f"-{noun}-{digest[:_HASH_CHARACTERS]}-"
    room = _MAX_NAME_CHARACTERS - len(prefix) - len(end) - _MAX_REGION_CHARACTERS
    return f"{prefix}{stage[:room]}{end}{Stack.of(scope).region}"
