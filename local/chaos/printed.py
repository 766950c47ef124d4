"""Counts phrases in the emulator's output, which contains the functions' log lines."""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path


class PrintedPhrases:
    """How often phrases were printed so far. Each byte of the output is read only once."""

    def __init__(self, log_file: Path, phrases: Collection[str]) -> None:
        self._log_file, self._phrases = log_file, phrases
        self._counts: Counter[str] = Counter()
        self._offset = 0

    def __getitem__(self, phrase: str) -> int:
        with self._log_file.open("rb") as log:
            log.seek(self._offset)
            read = log.read()
        # The last line may not be complete yet.
        complete = read[: read.rfind(b"\n") + 1]
        self._offset += len(complete)
        for each in self._phrases:
            self._counts[each] += complete.count(each.encode())
        return self._counts[phrase]


def printed_total(log_file: Path, metric: str) -> int:
    """Return the sum of a metric's values in the embedded metrics that the functions printed."""
    value = re.compile(rf'"{metric}": ?\[?(\d+)'.encode())
    with log_file.open("rb") as log:
        return sum(int(number) for line in log for number in value.findall(line))


def unanswered_rejects(log_file: Path) -> Counter[str]:
    """Return how often the worker could not move each message to the dead-letter queue.

    The result is keyed by message id. On a busy machine, the emulator can move the message and then
    answer too late.
    """
    failure = re.compile(rb'"message_id":"([^"]+)","outcome":"failed","reason":"dead_letter_queue"')
    with log_file.open("rb") as log:
        return Counter(found.decode() for line in log for found in failure.findall(line))
