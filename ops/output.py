"""Prints a command's results, for a person or, with `--json`, for a program."""

import json
from typing import Any

from rich.console import Console, RenderableType

from json_text import replace_half_pairs


class Output:
    """The output of one command.

    For a person, results are text on standard output. For a program, standard output contains only
    JSON. Notes go to standard error in both cases.

    Attributes
    ----------
    is_json
        Whether a program reads the output.
    """

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        # Long ids must not be broken, and words in brackets are no markup.
        self._out = Console(highlight=False, soft_wrap=False, markup=False, emoji=False)
        self._err = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def show(self, *parts: RenderableType) -> None:
        """Print text or a table for a person; do nothing if a program reads the output."""
        if not self.is_json:
            for part in parts:
                self._out.print(part)

    def show_command(self, line: str) -> None:
        """Print a shell command for a person, on one line whatever its length, to be copied."""
        if not self.is_json:
            self._out.print(f"  {line}", soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line to standard error."""
        # A terminal breaks long lines by itself. A pipe gets them whole.
        self._err.print(text, soft_wrap=True)

    def result(self, data: Any) -> None:
        """Print a command's result as JSON; do nothing if a person reads the output."""
        if self.is_json:
            print(replace_half_pairs(json.dumps(data, indent=2, ensure_ascii=False)))

    def item(self, data: Any) -> None:
        """Print one of several results as a line of JSON, as soon as it is known."""
        if self.is_json:
            print(replace_half_pairs(json.dumps(data, ensure_ascii=False)), flush=True)
