"""Recognises that a secret cannot be read because of its KMS key, and says what to do."""

import re

from aws_calls import CallError, code_of

# The message is "Access to KMS is not allowed" if the function may read the secret, but may not use
# the key that encrypts it. The code is the same as if the function may not read the secret.
_ABOUT_KMS = re.compile(r"\bKMS is not allowed|\bkms:[A-Z]")


def is_refused_by_kms(error: CallError) -> bool:
    """Return whether a read of a secret failed because the function may not use the KMS key."""
    if code_of(error) != "AccessDeniedException":
        return False
    return _ABOUT_KMS.search(str(error)) is not None


def explain_kms_refusal(secret_name: str) -> str:
    """Return what is wrong and what to do, in a few sentences."""
    return (
        f"This function may not use the KMS key of the secret {secret_name!r}. Set "
        "secret_kms_key_arn to the key's ARN or alias, and deploy again. If it is set already, "
        "check that the key is enabled, and that its key policy admits this account's IAM policies."
    )
