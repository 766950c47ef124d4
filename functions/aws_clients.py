"""Creates the worker's boto3 clients, whose calls cost less CPU time than those of other clients.

A worker spends more CPU time in botocore than in everything else. Most of that goes into checking
and copying the parameters of large calls, value by value. These clients do neither: the worker
makes every parameter itself, and a few operations take their parameters as they are sent.
"""

from typing import Any

import boto3
import msgspec
from botocore.config import Config

from aws_calls import client_config

# Operations whose parameters are JSON as the service expects it: no bytes, and times are numbers.
JSON_OPERATIONS = frozenset({"BatchExecuteStatement", "BatchGetItem", "PutEvents"})


def make_client(service: Any, *, read_timeout_seconds: float = 2) -> Any:
    """Return a client for operations that are passed to `call` or `call_once`.

    The client does not check its parameters. The service answers with an error to those that are
    invalid.

    Parameters
    ----------
    service
        The service's name in boto3.
    read_timeout_seconds
        As in `client_config`.
    """
    config = client_config(read_timeout_seconds=read_timeout_seconds)
    unchecked = Config(
        parameter_validation=False, user_agent=f"queue-ends Boto3/{boto3.__version__}"
    )
    client = boto3.client(service, config=config.merge(unchecked))
    # A version of botocore without this attribute uses its own serializer, which is only slower.
    if hasattr(client, "_serializer"):
        client._serializer = _JsonSerializer(client._serializer)
    return client


class _JsonSerializer:
    """Serializes the parameters of `JSON_OPERATIONS` with msgspec, and others with botocore."""

    def __init__(self, serializer: Any) -> None:
        self._serializer = serializer
        self._empty_requests: dict[str, dict[str, Any]] = {}

    def serialize_to_request(self, parameters: Any, operation_model: Any) -> Any:
        """Return a request in the form of botocore's serializers."""
        name = operation_model.name
        if name not in JSON_OPERATIONS:
            return self._serializer.serialize_to_request(parameters, operation_model)
        if name not in self._empty_requests:
            empty_request = self._serializer.serialize_to_request({}, operation_model)
            self._empty_requests[name] = empty_request
        request = self._empty_requests[name]
        headers = {**request["headers"]}
        return {**request, "headers": headers, "body": msgspec.json.encode(parameters)}
