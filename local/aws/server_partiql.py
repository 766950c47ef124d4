"""Makes MiniStack parse each PartiQL statement once.

MiniStack parses a statement of a batch twice, in Python, which takes it more than half of its time
with a worker's calls. This module runs inside MiniStack.
"""

from functools import lru_cache
from typing import Any

from ministack.services import (  # type: ignore[import-untyped]
    _dynamodb_keywords,
    dynamodb,
)

_parse = dynamodb._parse_partiql


class _LastParsed:
    """The statement that was parsed last, which MiniStack parses again right afterwards."""

    def __init__(self) -> None:
        self._statement: Any = None
        self._parameters: Any = None
        self._parsed: dict[str, Any] = {}

    def parse(self, statement: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a parsed statement; the same as last time for the same two objects."""
        if statement is not self._statement or parameters is not self._parameters:
            self._parsed = _parse(statement, parameters)
            self._statement, self._parameters = statement, parameters
        return self._parsed


def install() -> None:
    """Replace MiniStack's parsing."""
    dynamodb._parse_partiql = _LastParsed().parse
    # A worker's statements differ in their parameters only.
    _dynamodb_keywords._tokenize = lru_cache(maxsize=256)(_dynamodb_keywords._tokenize)
