"""Calls of AWS: how long a client may take, what an error is called, and whether it may pass."""

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CallError = ClientError | BotoCoreError | TimeoutError
"""What a call raises that fails, or that is interrupted."""

# What a service says when it has a bad moment, or too much to do (AWS: each service's "Common
# Errors"). Some say it with the status 400.
PASSING = frozenset(
    {
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def limits(*, read_timeout: float = 2, attempts: int = 1) -> Config:
    """Return the limits of a client, short ones: a call that hangs must leave time for the rest.

    Parameters
    ----------
    read_timeout
        Seconds between two bytes of an answer.
    attempts
        How often botocore tries; once where the caller repeats its calls itself.
    """
    return Config(
        connect_timeout=1, read_timeout=read_timeout, retries={"total_max_attempts": attempts}
    )


def code_of(error: CallError) -> str:
    """Return an error's code, or its type; its text could quote what was sent."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def status_of(error: CallError) -> int:
    """Return the HTTP status of the answer that an error is; 0 where there was none."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return 0


def may_pass(error: ClientError) -> bool:
    """Return whether the same call may succeed soon: what failed was the service."""
    status = status_of(error)
    return code_of(error) in PASSING or status == 429 or status >= 500
