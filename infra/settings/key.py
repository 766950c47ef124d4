"""What a row of `Settings` declares of a key besides its name."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

Check = Callable[[Any], Any]
"""Returns the value to use, or raises ValueError with the text that says what would be right."""


@dataclass(frozen=True, slots=True)
class OnlyWith:
    """The delivery without which a key, or a rule, has no effect."""

    delivery: str


@dataclass(frozen=True, slots=True)
class Example:
    """The value that settings.toml shows where the default says too little."""

    value: object


@dataclass(frozen=True, slots=True)
class Key:
    """A key of settings.toml; None is the default of a key that may be absent."""

    kind: type  # str, int, bool or list, as it is written
    default: object
    check: Check
    only_with: OnlyWith | None
    example: Example | None


def keys_of(settings: type) -> dict[str, Key]:
    """Return the keys that the fields of `Settings` declare, in their order."""
    hints = get_type_hints(settings, include_extras=True)
    # The stage is no key of the file: the command line picks it.
    return {f.name: _key(hints[f.name], f.default) for f in fields(settings) if f.name != "stage"}


def _key(hint: Any, default: object) -> Key:
    hint, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    # Of an optional key, the type that it has where it is set.
    kind = next((part for part in get_args(hint) if part in (str, int)), hint)
    return Key(
        kind=list if get_origin(hint) is tuple else kind,
        default=default,
        check=next((mark for mark in marks if callable(mark)), lambda value: value),
        only_with=next((mark for mark in marks if isinstance(mark, OnlyWith)), None),
        example=next((mark for mark in marks if isinstance(mark, Example)), None),
    )
