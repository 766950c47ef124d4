"""Creates the worker's clients, whose calls cost less CPU time than those of other clients.

A worker spends more CPU time in botocore than in everything else. Most of it goes into checking,
copying and converting large parameters and responses, value by value. These clients do none of
that: the worker makes every parameter itself, and the parameters and responses of a few operations
are passed on as they are.

To create them takes less time as well: botocore finds and decodes a service's model more quickly,
and boto3 is not imported.

This is the only module that uses private parts of botocore. `tests/unit/calls/test_aws_clients.py`
fails if a new version of botocore lacks them. The clients then work, but not faster than others.
"""

import functools
import gzip
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import botocore
import botocore.session
import msgspec
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

from aws_calls import client_config

# The services that the worker calls.
SERVICES = ("dynamodb", "events", "firehose", "secretsmanager", "sqs")
# Operations whose parameters and responses are JSON as the service sends it: they contain no bytes,
# and times are numbers.
JSON_OPERATIONS = frozenset({"BatchExecuteStatement", "BatchGetItem", "PutEvents"})
# The names of their responses in botocore's models.
_JSON_RESPONSES = frozenset(
    {"BatchExecuteStatementOutput", "BatchGetItemOutput", "PutEventsResponse"}
)


def make_client(service: Any, *, read_timeout_seconds: float = 2) -> Any:
    """Return a client for operations that are passed to `call` or `call_once`.

    The client does not check its parameters. The service answers with an error to those that are
    invalid.

    Parameters
    ----------
    service
        One of `SERVICES`.
    read_timeout_seconds
        As in `client_config`.
    """
    config = client_config(read_timeout_seconds=read_timeout_seconds)
    unchecked = Config(parameter_validation=False, user_agent=_user_agent())
    client = _client_maker()(service, config=config.merge(unchecked))
    if hasattr(client, "_serializer"):
        client._serializer = _JsonSerializer(client._serializer)
    if hasattr(client, "_resolve_endpoint_ruleset"):
        client._resolve_endpoint_ruleset = _remember_endpoints(client._resolve_endpoint_ruleset)
    endpoint: Any = getattr(client, "_endpoint", None)
    if hasattr(endpoint, "_response_parser_factory"):
        endpoint._response_parser_factory = _JsonParserFactory(endpoint._response_parser_factory)
    return client


class LazyClient:
    """A client that is made when it is first used."""

    def __init__(self, service: str) -> None:
        self._service = service

    @functools.cached_property
    def _client(self) -> Any:
        return make_client(self._service)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _client_maker() -> Callable[..., Any]:
    # To import boto3 takes longer than to create a client. But code of the user that imports it may
    # have configured its default session.
    if "boto3" in sys.modules:
        import boto3  # noqa: PLC0415

        return boto3.client
    return _botocore_session().create_client


@functools.cache
def _botocore_session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _Loader(file_loader=_FileLoader()))
    return session


class _Loader(Loader):
    """Loads the models of `SERVICES`. botocore's loader first lists all four hundred services."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of the services whose models can be loaded."""
        return [*SERVICES]


class _FileLoader(JSONFileLoader):
    """Decodes a service's model with msgspec, which takes a third of the time of `json`."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, or None if there is none. The path has no suffix."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), open_file(file_path + suffix, "rb") as file:
                return msgspec.json.decode(file.read())
        return None


def _user_agent() -> str:
    """Return the User-Agent header, which botocore would otherwise make anew for each call."""
    parts = [f"queue-ends Botocore/{botocore.__version__}"]
    if app_id := os.environ.get("AWS_SDK_UA_APP_ID"):
        parts.append(f"app/{app_id}")
    return " ".join(parts)


def _remember_endpoints(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that resolves the endpoint of each of `JSON_OPERATIONS` only once.

    For these operations, the endpoint depends on the client, but not on the parameters.
    """
    known: dict[str, tuple[Any, dict[str, Any]]] = {}

    def resolve_once(operation_model: Any, parameters: Any, context: Any, **options: Any) -> Any:
        name = operation_model.name
        if name not in JSON_OPERATIONS:
            return resolve(operation_model, parameters, context, **options)
        if name not in known:
            former_context = {**context}
            endpoint = resolve(operation_model, parameters, context, **options)
            changes = {k: v for k, v in context.items() if former_context.get(k) is not v}
            known[name] = endpoint, changes
        endpoint, changes = known[name]
        context |= changes
        return endpoint

    return resolve_once


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


class _JsonParserFactory:
    """Creates parsers that decode the responses of `JSON_OPERATIONS` with msgspec."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory

    def create_parser(self, protocol: str) -> Any:
        """Return one of botocore's parsers, with another method for the body."""
        parser = self._factory.create_parser(protocol)
        if hasattr(parser, "_handle_json_body"):
            parser._handle_json_body = functools.partial(_decode, parser._handle_json_body)
        return parser


def _decode(decode_with_botocore: Callable[[bytes, Any], Any], body: bytes, shape: Any) -> Any:
    """Return a response's body in the form of botocore's parsers."""
    if shape.name in _JSON_RESPONSES:
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(body)
    return decode_with_botocore(body, shape)
