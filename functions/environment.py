"""A Lambda function's environment variables, converted and checked when the function starts."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec


class Variables(msgspec.Struct, frozen=True, rename="upper"):
    """Base class of a function's variables. The field `queue_url` holds `QUEUE_URL`, and so on."""


VariablesT = TypeVar("VariablesT", bound=Variables)


class InvalidEnvironment(Exception):
    """An environment variable is missing or invalid. The message omits the variable's value."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. The stack sets this variable. Deploy the stack again.")


class DestinationVariables(dict[str, str]):
    """All environment variables, keyed by name. Each destination reads those that it needs.

    `variables[name]` raises `InvalidEnvironment` if the variable is missing.
    """

    def __missing__(self, name: str) -> str:
        raise InvalidEnvironment(f"The environment variable {name} is missing")


def read_variables(variables_type: type[VariablesT], environment: Mapping[str, str]) -> VariablesT:
    """Return a function's variables, converted to the types of their fields.

    Raises
    ------
    InvalidEnvironment
        If a variable is missing, or cannot be converted.
    """
    try:
        # `strict=False` converts strings to numbers.
        return msgspec.convert(dict(environment), variables_type, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidEnvironment(f"An environment variable is invalid ({error})") from None
