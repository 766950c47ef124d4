"""Starts MiniStack with what it gets wrong about IAM put right."""

from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions  # type: ignore[import-untyped]

asked_for = iam_actions.extract_iam_action


def extract_iam_action(*request: Any) -> str | None:
    """Return the IAM action that a request needs, as AWS has it.

    Amazon SQS Developer Guide, "Amazon SQS API permissions": the batch actions need the permission
    for the single one; IAM knows none of their own.
    """
    action: str | None = asked_for(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


if __name__ == "__main__":
    iam_actions.extract_iam_action = extract_iam_action
    app.main()
