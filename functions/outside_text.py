"""Cleans text from outside, before it reaches a reason, an output, a log line or an exception."""

import base64
import html
import json
from itertools import groupby
from urllib.parse import quote, quote_plus

from json_text import REPLACEMENT

MASK = "…"
# A shorter secret is part of ordinary words, which masking it would spoil.
MIN_SECRET_CHARACTERS = 6


class Cleaner:
    """Masks the secrets that it has been told of, and makes text fit for one line."""

    def __init__(self, *secrets: str) -> None:
        self._forms: set[str] = set()
        for secret in secrets:
            self.add_secret(secret)

    def add_secret(self, secret: str) -> None:
        """Mask a secret from now on, in the usual encodings too."""
        if len(secret) >= MIN_SECRET_CHARACTERS:
            self._forms.update(map(_squeeze, _encodings(secret)))

    def finds_secret(self, text: str) -> bool:
        """Return whether `mask` would change a text."""
        squeezed = _squeeze(text)
        return any(form in squeezed for form in self._forms)

    def mask(self, text: str) -> str:
        """Return a text with `MASK` in the place of secrets; the rest is unchanged.

        A secret is recognized in upper and lower case, and with whitespace or characters that
        cannot be printed in between.
        """
        if not self.finds_secret(text):
            return text
        letters = [(letter, place) for place, one in enumerate(text) for letter in _squeeze(one)]
        squeezed = "".join(letter for letter, _ in letters)
        is_hidden = [False] * len(text)
        for form in self._forms:
            start = squeezed.find(form)
            while start >= 0:
                end = start + len(form)
                first, last = letters[start][1], letters[end - 1][1]
                is_hidden[first : last + 1] = [True] * (last + 1 - first)
                start = squeezed.find(form, end)
        runs = groupby(zip(text, is_hidden, strict=True), lambda pair: pair[1])
        return "".join(
            MASK if hidden else "".join(one for one, _ in pairs) for hidden, pairs in runs
        )

    def clean(self, text: str, max_characters: int = 300) -> str:
        """Return a short copy of a text in one line, with secrets masked."""
        return one_line(self.mask(text), max_characters)


def one_line(text: str, max_characters: int = 300) -> str:
    """Return a short copy of a text in one line of printable characters.

    Whitespace becomes one space. Any other character that cannot be printed becomes U+FFFD.
    """
    text = " ".join(text.split())[:max_characters]
    return "".join(one if one.isprintable() else REPLACEMENT for one in text)


def _encodings(secret: str) -> set[str]:
    data = secret.encode(errors="replace")
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    encoded = {base64.b64encode(data), base64.urlsafe_b64encode(data), data.hex().encode()}
    return {
        secret,
        *quoted,
        *map(quote, quoted),
        *(one.decode().rstrip("=") for one in encoded),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }


def _squeeze(text: str) -> str:
    """Return a text without case, whitespace and characters that cannot be printed."""
    dropped = [one for one in {*text} if one.isspace() or not one.isprintable()]
    return text.translate(dict.fromkeys([*map(ord, dropped), ord(REPLACEMENT)])).casefold()
