"""The form of a rule about a combination of settings."""

from collections.abc import Callable, Iterator

from .key import OnlyWithDelivery
from .settings import Settings

Rule = Callable[[Settings], Iterator[str]]
Rules = list[tuple[Rule, OnlyWithDelivery | None]]


def add_rule(rules: Rules, only_with: OnlyWithDelivery | None = None) -> Callable[[Rule], None]:
    """Return a decorator that adds a function to `rules`.

    The decorator returns None, because a rule is never called by its name.

    Parameters
    ----------
    only_with
        The delivery that the rule is for; None if it is for every delivery.
    """
    return lambda rule: rules.append((rule, only_with))
