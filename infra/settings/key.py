"""The keys of settings.toml, as the rows of `Settings` declare them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

Check = Callable[[Any], Any]
"""Returns the value to use, or raises ValueError with a message that states the requirement."""


@dataclass(frozen=True, slots=True)
class OnlyWithDelivery:
    """Marks a key, or a rule on combinations, that has an effect only with this delivery."""

    delivery: str


@dataclass(frozen=True, slots=True)
class Example:
    """Gives the value that settings.toml shows for a key instead of the default."""

    value: object


@dataclass(frozen=True, slots=True)
class Key:
    """A key of settings.toml. `default` is MISSING for a required key, None for an optional one."""

    value_type: type  # str, int, bool or list: the type of the TOML value
    default: object
    check: Check
    only_with: OnlyWithDelivery | None
    example: Example | None


def keys_of(settings: type) -> dict[str, Key]:
    """Return the keys that `Settings` declares, keyed by name, in the order of its fields."""
    hints = get_type_hints(settings, include_extras=True)
    # The stage is not a key of the file: the command line selects it.
    return {f.name: _key(hints[f.name], f.default) for f in fields(settings) if f.name != "stage"}


def _key(hint: Any, default: object) -> Key:
    hint, *annotations = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    # `str | None` and `int | None` declare optional keys.
    hint_type = next((part for part in get_args(hint) if part in (str, int)), hint)
    return Key(
        value_type=list if get_origin(hint) is tuple else hint_type,
        default=default,
        check=next((a for a in annotations if callable(a)), lambda value: value),
        only_with=next((a for a in annotations if isinstance(a, OnlyWithDelivery)), None),
        example=next((a for a in annotations if isinstance(a, Example)), None),
    )
