"""Acknowledges cdk-nag findings, each with a reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings on a construct and on all constructs below it.

    The reasons are keyed by finding id. They go into the cloud assembly's metadata, not into the
    template.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding_id, reason=reason) for finding_id, reason in reasons.items())
    )


def wildcard_finding(scope: IConstruct, arn: str) -> str:
    """Return the id of cdk-nag's finding on a permission for an ARN with a wildcard."""
    return f"AwsSolutions-IAM5[Resource::{_as_cdk_nag_writes(Stack.of(scope).resolve(arn))}]"


def _as_cdk_nag_writes(part: object) -> str:
    """Return a part of a template as text, in which references are in angle brackets."""
    match part:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_as_cdk_nag_writes, parts))
        case _:
            return str(part)
