"""Calls of AWS: how long a client may take, and what an error is called."""

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CallError = ClientError | BotoCoreError | TimeoutError
"""What a call raises that fails, or that is interrupted."""


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
