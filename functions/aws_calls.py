"""AWS calls with a deadline, retries of transient errors, and error codes for the log."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from deadline import Deadline
from private_network import explain_no_answer
from time_limit import call_within

CallError = ClientError | BotoCoreError | TimeoutError
"""The error of a call that was refused, got no response, or was interrupted at its deadline."""
CALL_ERRORS = (ClientError, BotoCoreError, TimeoutError)
"""The types in `CallError`, for an `except` clause."""

# Error codes of a service that is overloaded or briefly unavailable (see "Common Errors" in each
# service's API reference). The HTTP status alone does not identify such errors, because some
# of these codes come with 400 or 403.
TRANSIENT_CODES = frozenset(
    {
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# The errors of a call that got no answer.
_NO_ANSWER_ERRORS = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, TimeoutError)
# The maximum number of attempts by `call`, and the pause before the second attempt.
MAX_ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
# The maximum time until a new IAM role's permissions take effect. Until then, AWS denies access.
NEW_ROLE_SECONDS = 20.0

_Arguments = ParamSpec("_Arguments")
_Response = TypeVar("_Response")


def client_config(*, read_timeout_seconds: float = 2, max_attempts: int = 1) -> Config:
    """Return a configuration for boto3 clients, with short time limits.

    Parameters
    ----------
    read_timeout_seconds
        The maximum wait for the next bytes of a response.
    max_attempts
        The maximum number of attempts by botocore. It must be 1 for operations passed to `call` or
        `call_once`, because botocore would mistake the interruption at the deadline for a failed
        connection and try again.
    """
    return Config(
        connect_timeout=1,
        read_timeout=read_timeout_seconds,
        retries={"total_max_attempts": max_attempts},
    )


def call(
    deadline: Deadline,
    operation: Callable[_Arguments, _Response],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Response:
    """Call an operation and return its response; retry up to twice after a transient error.

    If the request was sent but no response arrived in time, there is no retry, because AWS may have
    carried out the operation.

    Raises
    ------
    ClientError, BotoCoreError, TimeoutError
        The last attempt's error.
    """
    last_error: Exception
    for _ in deadline.attempts(
        first_pause_seconds=FIRST_PAUSE_SECONDS,
        growth_factor=4,
        max_attempts=MAX_ATTEMPTS,
        jittered=True,
    ):
        try:
            return call_once(deadline, operation, *args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            if not _may_repeat_after(error):
                raise
            last_error = error
    raise last_error


def call_once(
    deadline: Deadline,
    operation: Callable[_Arguments, _Response],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Response:
    """Call an operation once and return its response; interrupt the call at the deadline.

    botocore's time limits are not enough, because they apply to each address and to each part of
    a response, not to the whole call.
    """
    return call_within(deadline.left(), operation, *args, **kwargs)


def code_of(error: CallError) -> str:
    """Return the code of a `ClientError`, or the type name of another error.

    The log shows this string instead of the error's message, which could quote private data.
    """
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def describe(error: CallError, service: str) -> str:
    """Return an error's code, with advice if a call from a private network got no answer.

    Parameters
    ----------
    service
        The AWS service's name, as `private_network` knows it.
    """
    code = code_of(error)
    return explain_no_answer(code, service) if isinstance(error, _NO_ANSWER_ERRORS) else code


def is_transient(error: CallError) -> bool:
    """Return whether the service or the network was at fault, so that a retry may succeed."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in TRANSIENT_CODES or status == 429 or status >= 500
    return not isinstance(error, ParamValidationError)


def _may_repeat_after(error: ClientError | BotoCoreError) -> bool:
    """Return whether `call` may repeat the operation that raised this error."""
    if isinstance(error, ClientError):
        return is_transient(error)
    # After these errors, the service did not get the request: no connection was made, or the
    # service had closed an idle connection.
    return isinstance(error, EndpointConnectionError | ConnectTimeoutError | ConnectionClosedError)
