"""Evaluates policies as the emulator does."""

from collections.abc import Iterable, Mapping
from typing import Any

from ministack.core import iam_evaluator  # type: ignore[import-untyped]

REGION = "us-east-1"
REFUSED = "Refused: "
"""The beginning of the lines in the emulator's log that name a refused action."""
Document = Mapping[str, Any] | str
"""A policy document, or its JSON."""
Context = Mapping[str, Any]
"""The condition keys of a request, except those that every request has."""


def role_may(
    documents: Iterable[Document], action: str, resource_arn: str, context: Context | None = None
) -> bool:
    """Return whether the policies of a role allow a request."""
    request = _request(
        "arn:aws:sts::111122223333:assumed-role/role/session", action, resource_arn, context or {}
    )
    policies = [iam_evaluator.parse_policy_document(document) for document in documents]
    return bool(iam_evaluator.evaluate(request, policies).decision == "Allow")


def service_may(
    policy: Document | None,
    service: str,
    action: str,
    resource_arn: str,
    *,
    source_arn: str,
) -> bool:
    """Return whether a resource's policy allows a request of an AWS service.

    Parameters
    ----------
    service
        The service, such as `events.amazonaws.com`.
    source_arn
        The resource for which the service acts.
    """
    context = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
    request = _request("*", action, resource_arn, context)
    result = iam_evaluator.evaluate_resource_policy(policy, request, service=service)
    return bool(result.decision == "Allow")


def is_denied_without_tls(policy: Document | None, action: str, resource_arn: str) -> bool:
    """Return whether a resource's policy denies a request over plain http, whoever makes it."""
    root = "arn:aws:iam::111122223333:root"
    request = _request(root, action, resource_arn, {}, has_tls=False)
    return bool(iam_evaluator.evaluate_resource_policy(policy, request).decision == "Deny")


def _request(
    principal_arn: str, action: str, resource_arn: str, context: Context, *, has_tls: bool = True
) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal_arn,
        principal_type="AssumedRole",
        principal_account="",
        action=action,
        resource_arn=resource_arn,
        region=REGION,
        source_ip="127.0.0.1",
        secure_transport=has_tls,
        service_context={name.lower(): value for name, value in context.items()},
    )
