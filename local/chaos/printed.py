"""Counts phrases in the emulator's output, which contains the worker's log lines."""

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
