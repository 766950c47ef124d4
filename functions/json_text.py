"""Decodes JSON text from outside, and replaces the parts that no program can read."""

import re
from typing import Any

import msgspec

REPLACEMENT = "\ufffd"
# Half of a surrogate pair, as Python represents it. UTF-8 cannot encode it.
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# An escape sequence, or the two of a surrogate pair. The group is half of a pair.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# A string or a number. A string that is never closed reaches to the end of the text. No quantifier
# gives back what it has matched, so that the time grows with the length of the text, and not with
# its square.
_STRING_OR_NUMBER = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?'
    r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+",
    re.DOTALL,
)


def decode_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Two things that JSON allows cannot be passed on, and are replaced:

    - Half of a surrogate pair, in a string or in the name of a field, becomes U+FFFD. It arises
      when a program cuts a text inside an emoji.
    - A number that Python cannot represent becomes null: an integer of more than 4,300 characters,
      or any other number beyond a double, such as `1e999`.

    Raises
    ------
    msgspec.DecodeError
        The text is not JSON, or is nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError):
        # Such texts are rare, so this is tried only now.
        readable_text = _make_readable(text)
        if readable_text == text:
            raise
    return decode_json(readable_text)


def replace_half_pairs(text: str) -> str:
    """Return a text with U+FFFD in the place of each half of a surrogate pair."""
    return _HALF_PAIR.sub(REPLACEMENT, text)


def _make_readable(text: str | bytes) -> str:
    """Return a JSON text without half pairs and without numbers that Python cannot represent."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return _STRING_OR_NUMBER.sub(_replace_token, replace_half_pairs(text))


def _replace_token(token: re.Match[str]) -> str:
    text = token[0]
    if text.startswith('"'):
        return _ESCAPE.sub(_replace_escape, text)
    try:
        msgspec.json.decode(text)
    except msgspec.ValidationError:
        # The length stays the same, so that an error's position in the text stays true.
        return "null".ljust(len(text))
    return text


def _replace_escape(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape[1] else escape[0]
