"""Text from outside is cleaned: one line, printable, short, and without the secrets."""

import base64
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outside_text import Cleaner, one_line

SECRET = "S3cr3t/of the+org"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" two\r\n  lines\u2028and\x85more ", "two lines and more"),
        ("\x9b31m \x7f \u202e \u200f \ud83d", "\ufffd31m \ufffd \ufffd \ufffd \ufffd"),
        ("käse 😀", "käse 😀"),
        ("m" * 5000, "m" * 300),
    ],
)
def test_a_cleaned_text_is_one_short_line_of_printable_characters(text: str, expected: str) -> None:
    assert one_line(text) == Cleaner().clean(text) == expected


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        SECRET.upper(),
        quote_plus(SECRET),
        quote_plus(SECRET).lower(),
        quote_plus(quote_plus(SECRET)),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        " \r\n".join(SECRET),
        "\u200b".join(SECRET),
        "\ufffd\x00".join(SECRET),
        f"{SECRET}{SECRET}",
    ],
)
def test_a_secret_is_masked_in_any_form(form: str) -> None:
    assert Cleaner(SECRET).mask(f"before {form.rstrip('=')} after") == "before … after"


def test_a_secret_at_the_end_of_a_cut_text_does_not_show_its_beginning() -> None:
    assert Cleaner(SECRET).clean(f"{'x' * 295} {SECRET}") == f"{'x' * 295} …"


def test_a_text_without_a_secret_is_left_as_it_is() -> None:
    text = " A\u200d\n\U0001f469\u200d\U0001f467 S3cr3t of the org"
    assert Cleaner(SECRET, "").mask(text) == text


def test_a_secret_that_is_part_of_ordinary_words_masks_none_of_them() -> None:
    assert Cleaner("e", "other").mask("another name") == "another name"


@given(before=st.text(), after=st.text(), secret=st.text(min_size=6))
def test_no_text_around_a_secret_brings_it_through(before: str, after: str, secret: str) -> None:
    cleaner = Cleaner(secret)
    if secret.strip() == secret and secret.isprintable() and len(secret) >= 6:
        assert secret not in cleaner.clean(f"{before}{secret}{after}", 10_000)
