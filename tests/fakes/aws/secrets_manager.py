"""AWS Secrets Manager in memory, with the operation `get_secret_value`."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError


class FakeSecrets:
    """Secrets by name.

    Attributes
    ----------
    held
        The value part of each secret's response, by name; None if the secret is marked for
        deletion.
    denied
        The number of reads to deny before the first success.
    key_denied
        Whether the caller may not use the KMS key of the secrets.
    failure
        The error that every read raises; None for success.
    reads
        The names in all reads so far.
    """

    def __init__(self, **held: str | Mapping[str, Any] | None) -> None:
        self.held: dict[str, dict[str, Any] | None] = {}
        self.denied = 0
        self.key_denied = False
        self.failure: Exception | None = None
        self.reads: list[str] = []
        for name, value in held.items():
            self.put(name, value)

    def put(self, name: str, value: str | bytes | Mapping[str, Any] | None) -> None:
        match value:
            case None:
                self.held[name] = None
            case bytes():
                self.held[name] = {"SecretBinary": value}
            case str():
                self.held[name] = {"SecretString": value}
            case _:
                self.held[name] = {"SecretString": json.dumps(value)}

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.reads.append(SecretId)
        if self.failure:
            raise self.failure
        if self.denied:
            self.denied -= 1
            raise _client_error(
                "AccessDeniedException", "is not authorized to perform GetSecretValue"
            )
        if SecretId not in self.held:
            raise _client_error(
                "ResourceNotFoundException", "Secrets Manager can't find the secret."
            )
        value = self.held[SecretId]
        if value is None:
            raise _client_error("InvalidRequestException", "it was marked for deletion.")
        if self.key_denied:
            raise _client_error("AccessDeniedException", "Access to KMS is not allowed")
        return {"Name": SecretId, **value}


def _client_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")
