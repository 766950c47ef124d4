"""The environment variables of a function, typed and checked when it starts."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec


class Variables(msgspec.Struct, frozen=True, rename="upper"):
    """Environment variables, each a field with its name in lower case; see `read`."""


V = TypeVar("V", bound=Variables)


class InvalidEnvironment(Exception):
    """An environment variable that is missing or wrong; the text names it, not its value."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}: the stack sets it. Deploy the stack again.")


class Environment(dict[str, str]):
    """Environment variables by name; reading a missing one is a clear error."""

    def __missing__(self, name: str) -> str:
        raise InvalidEnvironment(f"The environment variable {name} is missing")


def read(kind: type[V], environment: Mapping[str, str]) -> V:
    """Return the variables that a function needs, converted to their types.

    Raises
    ------
    InvalidEnvironment
        If one is missing, or not of its type.
    """
    try:
        return msgspec.convert(dict(environment), kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidEnvironment(f"An environment variable is wrong ({error})") from None
