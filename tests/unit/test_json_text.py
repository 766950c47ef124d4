"""JSON from outside is decoded as other programs decode it, without what none of them can read."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from json_text import decode_json
from tests.bodies import consumable

LONGEST_INTEGER = "9" * 4300
DEEP = "[" * 200_000 + "{}" + "]" * 200_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"Ann \ud83d"', "Ann \ufffd"),
        (r'"\udc00\ud83d"', "\ufffd\ufffd"),
        (r'"\uD83D\uDE00 \ud83d"', "\U0001f600 \ufffd"),
        (r'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        ('"\ud83d"', "\ufffd"),
        (r'{"\ud83d": {"\udc00": 1}}', {"\ufffd": {"\ufffd": 1}}),
        (b'"half \xf0\x9f\x98"', "half \ufffd"),
        ("[1e999, -1E+999, 1e308, 1e-999]", [None, None, 1e308, 0.0]),
        (r'["1e999 \ud83d", 1.5e400]', ["1e999 \ufffd", None]),
        (f"[{LONGEST_INTEGER}]", [10**4300 - 1]),
        (f"[{LONGEST_INTEGER}, {LONGEST_INTEGER}0]", [10**4300 - 1, None]),
        ("[9223372036854775808, -0, 0.1]", [2**63, 0, 0.1]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        (r'"\u0000 \u2028"', "\0 \u2028"),
    ],
)
def test_what_no_program_can_read_is_replaced(text: str | bytes, value: object) -> None:
    assert decode_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "[1e999, Infinity]", "-Infinity", "[01, 1e999]", "1e999.5", "nul1e999"),
        *('"\t \\ud83d"', '"\x01"', r'"\ud83d \x"', r'"\ud83', '"\\ud83d', "{1e999: 1}"),
        *('\ufeff{"a": 1}', '\x0c"\\ud83d"', "\xa01e999", "1e999 1e999", '"\\ud83d"]', ""),
        *(DEEP.format("1"), DEEP.format(r"1e999")),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_a_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_json(text)


def test_the_position_of_an_error_is_that_in_the_text_itself() -> None:
    text = r'["\ud83d", 1e9999, x]'

    with pytest.raises(msgspec.DecodeError, match=f"byte {text.index('x')}"):
        decode_json(text)


_TOKENS = [*'"\\ud8c0eE91-+.,[]{}: /fbn', "null", "1e999", r"\ud83d", r"\udc00", r"\u00e9", r"\\"]
_TOKENS += ['"', '"', ",", "1", '{"a":', '":', "\ud83d", "\udc00"]


@settings(max_examples=300)
@given(
    tokens=st.lists(st.sampled_from(_TOKENS), max_size=14).map("".join),
    frame=st.sampled_from(["{}", '["{}"]', "[{}]", '{{"{}":1}}']),
)
def test_every_text_has_the_value_that_another_decoder_finds(tokens: str, frame: str) -> None:
    text = frame.format(tokens)
    try:
        expected: Any = consumable(json.loads(consumable(text), parse_constant=_refuse))
    except ValueError:
        expected = "not JSON"

    try:
        value = decode_json(text)
    except msgspec.DecodeError:
        value = "not JSON"

    assert value == expected


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
