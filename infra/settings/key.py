"""The keys of settings.toml, as the fields of `Settings` declare them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

Check = Callable[[Any], Any]
"""Returns the value to use, or raises ValueError with the requirement as its message."""


@dataclass(frozen=True, slots=True)
class OnlyWithDelivery:
    """States that a key, or a rule about several keys, has an effect only with this delivery."""

    delivery: str


@dataclass(frozen=True, slots=True)
class Example:
    """Gives the value that settings.toml shows for a key instead of the default."""

    value: object


@dataclass(frozen=True, slots=True)
class Key:
    """A key of settings.toml.

    `default` is MISSING if the key is required, and None if the key is unset by default.
    """

    value_type: type  # str, int, bool, list or dict: the type of the TOML value
    default: object
    check: Check
    only_with: OnlyWithDelivery | None
    example: Example | None


def keys_of(settings_class: type) -> dict[str, Key]:
    """Return the key that each field of `Settings` declares, by the field's name."""
    hints = get_type_hints(settings_class, include_extras=True)
    # These are not keys of settings.toml, because the command line sets them for one command.
    return {
        field.name: _make_key(hints[field.name], field.default)
        # As in settings.toml, the inherited fields, which are keyword-only, come last.
        for field in sorted(fields(settings_class), key=lambda field: bool(field.kw_only))
        if field.name not in ("stage", "deployed_at", "region")
    }


def _make_key(hint: Any, default: object) -> Key:
    value_type, *annotations = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(value_type) is tuple:
        are_pairs = get_origin(get_args(value_type)[0]) is tuple
        value_type = dict if are_pairs else list
    elif union := get_args(value_type):
        value_type = union[0]  # the type is `str | None` or `int | None`
    return Key(
        value_type=value_type,
        default=default,
        check=next((a for a in annotations if callable(a)), lambda value: value),
        only_with=next((a for a in annotations if isinstance(a, OnlyWithDelivery)), None),
        example=next((a for a in annotations if isinstance(a, Example)), None),
    )
