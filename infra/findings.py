"""Acknowledges cdk-nag findings, each with a reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings on a construct and on all constructs below it.

    The reasons are keyed by finding id. They go into the cloud assembly's metadata, not into the
    template.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding_id, reason=reason) for finding_id, reason in reasons.items())
    )
