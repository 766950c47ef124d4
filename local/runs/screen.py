"""A run's output on the terminal."""

import sys
import time


class Screen:
    """Numbered steps, their notes, and a progress line on standard output, in 80 columns.

    Parameters
    ----------
    step_count
        The number of steps in the run.
    """

    def __init__(self, step_count: int) -> None:
        self._step_count, self._step, self._started_at = step_count, 0, time.monotonic()
        self._interactive = sys.stdout.isatty()
        self._shown = ""

    def step(self, text: str) -> None:
        """Print the heading of the next step."""
        self.clear_progress()
        self._step += 1
        print(f"\n[{self._step}/{self._step_count}, {self.seconds():.0f} s] {text}", flush=True)

    def note(self, text: str) -> None:
        """Print lines within the present step."""
        self.clear_progress()
        for line in text.splitlines():
            print(f"  {line}", flush=True)

    def progress(self, text: str) -> None:
        """Replace the progress line, if standard output is a terminal."""
        if self._interactive and text.strip() and text != self._shown:
            print(f"\r  {text.strip()[:76]:<76}", end="", flush=True)
            self._shown = text

    def clear_progress(self) -> None:
        """Remove the progress line."""
        if self._shown:
            print(f"\r{'':<78}\r", end="", flush=True)
            self._shown = ""

    def seconds(self) -> float:
        """Return the seconds since the run started."""
        return time.monotonic() - self._started_at
