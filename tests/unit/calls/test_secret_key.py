"""Secrets Manager says with one code that the secret, or that its KMS key, may not be used."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from aws_calls import CallError
from secret_key import is_refused_by_kms


def refusal(message: str, code: str = "AccessDeniedException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refusal("Access to KMS is not allowed"), True),
        (refusal("User: x is not authorized to perform: kms:Decrypt on this resource"), True),
        (
            refusal("not authorized to perform: secretsmanager:GetSecretValue on: my-kms-secret"),
            False,
        ),
        (refusal("Access to KMS is not allowed", "ThrottlingException"), False),
        (EndpointConnectionError(endpoint_url="https://kms:Decrypt"), False),
    ],
)
def test_only_a_refusal_because_of_the_key_is_one(error: CallError, *, expected: bool) -> None:
    assert is_refused_by_kms(error) is expected
