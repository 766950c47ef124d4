"""AWS Secrets Manager in memory: what `get_secret_value` answers and raises."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError


class FakeSecrets:
    """Secrets by name.

    Attributes
    ----------
    held
        A secret's answer; None for one that is marked for deletion.
    denied
        How many reads are refused before the first that is not.
    failure
        Raised by every read, where set.
    reads
        The names that were asked for.
    """

    def __init__(self, **held: str | Mapping[str, Any] | None) -> None:
        self.held: dict[str, dict[str, Any] | None] = {}
        self.denied = 0
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
            raise _refusal("AccessDeniedException", "is not authorized to perform GetSecretValue")
        if SecretId not in self.held:
            raise _refusal("ResourceNotFoundException", "Secrets Manager can't find the secret.")
        answer = self.held[SecretId]
        if answer is None:
            raise _refusal("InvalidRequestException", "it was marked for deletion.")
        return {"Name": SecretId, **answer}


def _refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")
