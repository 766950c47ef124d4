"""Calls of AWS: in time, repeated where that may help, and with errors that are told by a code."""

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
)

from deadline import Deadline, time_limit

CallError = ClientError | BotoCoreError | TimeoutError
"""The error of a call: refused, not answered, or interrupted at its deadline."""
CALL_ERRORS = (ClientError, BotoCoreError, TimeoutError)
"""The same, for an `except`."""

# The codes of a service that has a bad moment, or too much to do (AWS: each service's "Common
# Errors"). Some come with the status 400 or 403.
PASSING = frozenset(
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
# How often `call` tries, and the seconds before its second try; the third comes after four times
# as long.
TRIES = 3
PAUSE = 0.1

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


def client_config(*, read_timeout: float = 2, attempts: int = 1) -> Config:
    """Return a client's configuration, with short limits: a hanging call must leave time for more.

    Parameters
    ----------
    read_timeout
        Seconds between two bytes of an answer.
    attempts
        How often botocore tries. Once for whoever uses `call`: botocore would take an interruption
        for a connection that failed, and try again.
    """
    return Config(
        connect_timeout=1, read_timeout=read_timeout, retries={"total_max_attempts": attempts}
    )


def call(
    deadline: Deadline,
    operation: Callable[_Arguments, _Answer],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Answer:
    """Return an operation's answer; try a little more often if the service may have a bad moment.

    A call without an answer in time is not repeated: it has taken long enough, and may have been
    carried out.

    Raises
    ------
    ClientError, BotoCoreError, TimeoutError
        The last try's error.
    """
    failure: Exception
    for _ in deadline.attempts(PAUSE, growth=4, most=TRIES, jittered=True):
        try:
            return call_once(deadline, operation, *args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            if not _may_be_repeated(error):
                raise
            failure = error
    raise failure


def call_once(
    deadline: Deadline,
    operation: Callable[_Arguments, _Answer],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Answer:
    """Return an operation's answer, or interrupt it at the deadline.

    botocore's limits alone do not suffice: they hold for each address and each piece of an answer.
    """
    with time_limit(deadline.left()):
        return operation(*args, **kwargs)


def code_of(error: CallError) -> str:
    """Return an error's code, or its type; its text could quote what was sent."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def may_pass(error: CallError) -> bool:
    """Return whether the same call may succeed later: the service failed, or did not answer."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in PASSING or status == 429 or status >= 500
    return not isinstance(error, ParamValidationError)


def _may_be_repeated(error: ClientError | BotoCoreError) -> bool:
    """Return whether a call may succeed at once when repeated."""
    if isinstance(error, ClientError):
        return may_pass(error)
    # The last is the error of a connection that idled for too long.
    return isinstance(error, EndpointConnectionError | ConnectTimeoutError | ConnectionClosedError)
