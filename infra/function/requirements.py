"""What a function needs for one part of the stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam


@dataclass(frozen=True, slots=True)
class Requirements:
    """The environment variables and permissions that a function needs for one part of the stack.

    Attributes
    ----------
    accepted_findings
        The reasons to accept cdk-nag's findings on the permissions, keyed by finding id.
    sends_to_itself
        Whether the function sends messages to the queue that invokes it.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[iam.PolicyStatement] = ()
    accepted_findings: Mapping[str, str] = field(default_factory=dict)
    sends_to_itself: bool = False
