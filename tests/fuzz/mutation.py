"""Mutations of texts, of JSON and of bytes, all drawn from one random generator."""

import copy
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from tests.bodies import CANARY

_Element = TypeVar("_Element")

# Characters that a terminal, a log or a parser could take for something else.
ODD_CHARACTERS = [*"\x00\x07\x1b\x7f\x85\x9b\xa0\u200f\u2028\u2029\u202e\ufeff\ufffe\U000e0001😀é"]
ODD_CHARACTERS += [*"\n\r\t\"'\\/%{}[]<>&?#;:,=@ \ud83d\udc00"]
# JSON that a program could refuse, misread or take long for. It replaces a value.
_RAW = ["1e999", "-1e999", "1e308", "5e-324", "-0", "1.0000000000000000000000001", "0.1e-400"]
_RAW += ["NaN", "Infinity", "-Infinity", '"\\ud83d"', '"\\udc00\\ud83d"', '"Ann \\ud83d"', "01"]
_RAW += ["9" * 30, "-" + "9" * 400, "9" * 5_000, "1." + "3" * 2_000, '{"a":1,"a":{"a":2}}', "tru"]
_RAW += ["[" * 200 + "]" * 200, "[" * 3_000 + "]" * 3_000, '{"a":' * 1_500 + "1" + "}" * 1_500]
_RAW += ['"' + "x" * 10_000 + '"', '"\\u0000"', '"\\u009b\\u2028\\u202e"', "18446744073709551616"]
_VALUES: list[Any] = [None, True, False, 0, 1, -1, 5, 2**31, 2**53 + 1, 2**63, 1.5, -1e-9, "", " "]
_VALUES += [[], {}, [[]], [None], {"": None}, "0", "null", "true", "x" * 300, "é😀", CANARY]
_VALUES += [[1, "a", None], {"id": 1}, {"id": None}, {"a": {"b": []}}, "../../users/me?x="]
_VALUES += ["%2e%2e/"]
_VALUES += ["a/b", "a?b=c", "#", "2026-11-23T10:00:00Z", "0001-01-01T00:00:00+14:00", "12:00"]
_VALUES += [*ODD_CHARACTERS, "a\u009bb", "line\nbreak", "{{resolve:ssm:x}}", "${x}", 10**18]
_VALUES += [-(10**40)]
_TOKENS = [*'{}[]",:\\/012.eE+-tfnud', *ODD_CHARACTERS, "null", "{}", "[]", '""', "1e999", "NaN"]
_TOKENS += ['"\\ud83d"', "\\u0000", "\\u2028", "\ufeff", '"a":1,', "/*", "//", "'", "0x1", "\\x41"]
# Takes the place of raw JSON while the rest is encoded.
_MARK = "\ue000raw {}\ue000"
_MARKED = re.compile('"\\\\ue000raw (\\d{1,9})\\\\ue000"|"\ue000raw (\\d{1,9})\ue000"')
_MAX_TEXT = 40_000


class Mutator:
    """Draws mutations from a random generator.

    Parameters
    ----------
    values
        Values that tell something to the code under test, such as ids of its own.
    """

    def __init__(self, random: Random, values: Sequence[Any] = ()) -> None:
        self.random = random
        self._values = [*_VALUES, *values, *values]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def choice(self, options: Sequence[_Element]) -> _Element:
        return options[int(self.random.random() * len(options))]

    def below(self, limit: int) -> int:
        return int(self.random.random() * limit)

    def json_text(self, text: str) -> str:
        """Return JSON with changes in its structure, in its text, or in both."""
        if self.chance(0.75):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                return self.text(text)
            text = self.encoded(self.value(value))
        if self.chance(0.08):
            text = self._with_repeated_key(text)
        return self.text(text) if self.chance(0.25) else text

    def encoded(self, value: Any) -> str:
        """Return a mutated value as JSON, in one of the ways in which JSON can be written."""
        as_ascii = self.chance(0.8)
        separators = (",", ":") if self.chance(0.3) else None
        text = json.dumps(value, ensure_ascii=as_ascii, separators=separators)
        return _MARKED.sub(lambda found: _RAW[int(found[1] or found[2]) % len(_RAW)], text)

    def value(self, value: Any, *, raw: bool = True) -> Any:
        """Return a copy of a JSON value with one to three changes.

        Parameters
        ----------
        raw
            Whether the changes may be such that only `encoded` can write them.
        """
        value = copy.deepcopy(value)
        for _ in range(self.choice((1, 1, 1, 2, 3))):
            value = self._changed(value, raw=raw)
        return value

    def telling(self, *, raw: bool = False) -> Any:
        """Return a value that code could take for something else."""
        if raw and self.chance(0.3):
            return _MARK.format(self.below(len(_RAW)))
        if self.chance(0.1):
            return self.text("".join(self.choice(ODD_CHARACTERS) for _ in range(self.below(6))))
        return copy.deepcopy(self.choice(self._values))

    def text(self, text: str) -> str:
        """Return a text with one to three edits."""
        for _ in range(self.choice((1, 1, 1, 2, 3))):
            text = self.choice(_EDITS)(self, text)
        return text[:_MAX_TEXT]

    def _changed(self, value: Any, *, raw: bool) -> Any:
        holder, key = self._place(value)
        if holder is None:
            return self.telling(raw=raw) if self.chance(0.1) else value
        kind = self.random.random()
        if kind < 0.5:
            holder[key] = self.telling(raw=raw)
        elif kind < 0.65:
            del holder[key]
        elif kind < 0.72:
            holder[key] = [holder[key]] if self.chance(0.5) else {"value": holder[key]}
        elif kind < 0.82 and isinstance(holder[key], str):
            holder[key] = self.text(holder[key])
        elif kind < 0.87:
            other, other_key = self._place(value)
            holder[key] = copy.deepcopy(other[other_key])
        elif kind < 0.93:
            if isinstance(holder, dict):
                holder[str(self.telling())] = holder[key]
            else:
                holder.insert(key, copy.deepcopy(holder[key]))
        elif isinstance(holder, dict):
            holder[self.text(key)] = holder.pop(key)
        else:
            holder *= 1 + self.below(3)
        return value

    def _place(self, value: Any) -> tuple[Any, Any]:
        """Return a holder in a value and the key of a member; None if the value holds none."""
        holder: Any = None
        key: Any = None
        while isinstance(value, dict | list) and value:
            # Stay here at times, so that the upper levels are chosen often enough.
            if holder is not None and self.chance(0.3):
                break
            holder = value
            key = self.choice([*value]) if isinstance(value, dict) else self.below(len(value))
            value = value[key]
        return holder, key

    def _with_repeated_key(self, text: str) -> str:
        keys = re.findall(r'"\w+"(?=:)', text[:5_000])
        if not keys:
            return text
        key = self.choice(keys)
        value = self.encoded(self.telling(raw=True))
        return text.replace(f"{key}:", f"{key}: {value}, {key}:", 1)

    def _inserted(self, text: str) -> str:
        at = self.below(len(text) + 1)
        return f"{text[:at]}{self.choice(_TOKENS)}{text[at:]}"

    def _removed(self, text: str) -> str:
        at = self.below(len(text) + 1)
        return text[:at] + text[at + self.choice((1, 1, 2, 5, 40)) :]

    def _replaced(self, text: str) -> str:
        at = self.below(len(text) + 1)
        return f"{text[:at]}{self.choice(_TOKENS)}{text[at + 1 :]}"

    def _cut(self, text: str) -> str:
        at = self.below(len(text) + 1)
        return text[:at] if self.chance(0.7) else text[at:]

    def _repeated(self, text: str) -> str:
        at = self.below(len(text) + 1)
        return (
            text[:at]
            + text[at : at + self.choice((1, 3, 30))] * self.choice((2, 3, 200))
            + text[at:]
        )

    def _in_another_encoding(self, text: str) -> str:
        """Return a text as a program shows it that takes its bytes for another encoding."""
        writes, reads = self.choice(
            (("utf-16", "latin-1"), ("utf-8", "latin-1"), ("utf-7", "ascii"))
        )
        return text.encode(writes, "replace").decode(reads, "replace")


_EDITS: Sequence[Callable[[Mutator, str], str]] = (
    *(Mutator._inserted, Mutator._removed, Mutator._replaced) * 4,
    *(Mutator._cut, Mutator._repeated, Mutator._in_another_encoding),
)
