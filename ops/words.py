"""Numbers and lists in sentences."""

from collections.abc import Sequence


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 message` or `2 messages`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence, such as `actions, bus and webhook`."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last
