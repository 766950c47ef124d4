"""What the engine needs of a target, and the finding that a target reports."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from tests.fuzz.mutation import Mutator

Case = Any
"""Mutated input, in JSON: the same case can be written to a file and be run again."""

# Characters that end a line, hide or turn text, or are no characters.
_UNCLEAN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class Target(Protocol):
    """A part of Queue Ends that reads what others write.

    Attributes
    ----------
    inputs_per_case
        The number of inputs that each case consists of.
    """

    inputs_per_case: int

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        """Return a new case.

        Parameters
        ----------
        kept
            Earlier cases that the target behaved differently on, as seeds.
        """

    def run(self, case: Case) -> str:
        """Run a case and return its signature, which is the same for cases of the same behaviour.

        Raises
        ------
        Finding
            The behaviour is wrong. Any other exception is a finding, too.
        """


@dataclass(frozen=True, slots=True)
class Plan:
    """How often a target is run, and how it is made.

    Attributes
    ----------
    share
        The inputs of this target in a million inputs.
    make
        Returns a new target, which works for as long as its patches are in place.
    """

    share: int
    make: Callable[[pytest.MonkeyPatch], Target]


class Finding(BaseException):
    """Wrong behaviour. It is no `Exception`, so that the code under test does not answer for it.

    Attributes
    ----------
    kind
        What is wrong in a few words, the same for all findings of the same fault.
    """

    def __init__(self, kind: str, detail: object = "") -> None:
        super().__init__(f"{kind}: {detail!s:.2000}" if detail != "" else kind)
        self.kind = kind


def check(condition: object, kind: str, detail: object = "") -> None:
    """Raise a `Finding` unless a condition holds."""
    if not condition:
        raise Finding(kind, detail)


def is_clean(text: str) -> bool:
    """Return whether a text is one line that a terminal shows as it is."""
    return (text.isascii() and text.isprintable()) or not any(
        unicodedata.category(character) in _UNCLEAN for character in text
    )
