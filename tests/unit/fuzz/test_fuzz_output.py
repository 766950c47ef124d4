"""What the fuzzer makes of a function's output and of its texts."""

import json
import sys
from random import Random

import pytest

from tests.fuzz.mutation import Mutator
from tests.fuzz.output import Output
from tests.fuzz.target import Finding, is_clean

LINE = '{"message": "Batch"}'


@pytest.mark.parametrize(
    ("out", "err", "kind"),
    [
        (LINE + "\n{", "", "a log line is no JSON"),
        (LINE + "\n5", "", "a log line is no object"),
        ('{"message": "a\u2028b"}', "", "a log line is not clean"),
        ('{"message": "a\x9bb"}', "", "a log line is not clean"),
        ('{"message": "a\rb"}', "", "a log line is not clean"),
        ('{"message": "hush"}', "", "a secret in the output"),
        (LINE, "Traceback", "output on stderr"),
    ],
)
def test_a_wrong_output_is_a_finding(out: str, err: str, kind: str) -> None:
    output = Output()
    with output.taken():
        print(out)
        print(err, end="", file=sys.stderr)

    with pytest.raises(Finding, match=kind):
        output.checked_lines(["hush"])


def test_a_sound_output_gives_its_lines() -> None:
    output = Output()
    with output.taken():
        print(LINE)
        print(json.dumps({"message": "é😀\u202e"}))

    assert output.checked_lines(["hush"]) == [{"message": "Batch"}, {"message": "é😀\u202e"}]
    output.clear()
    assert output.checked_lines([]) == []


@pytest.mark.parametrize("text", ["a\nb", "\x7f", "\x9b", "\u200f", "\ud83d", "\ufeff"])
def test_a_text_with_a_character_that_is_not_shown_is_not_clean(text: str) -> None:
    assert not is_clean(text)
    assert is_clean("Zoë 😀, 5 €")


def test_mutated_json_is_mostly_json_and_hardly_ever_the_same() -> None:
    text = json.dumps({"a": [1, {"b": "c"}], "d": {"e": None}})
    mutator = Mutator(Random(1))
    mutated = [mutator.json_text(text) for _ in range(500)]
    assert sum(map(_is_json, mutated)) > 250
    assert len({*mutated}) > 300


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
