"""A run's output on the terminal: steps, notes, and one progress line."""

import sys
import time


class Screen:
    """A numbered list of steps on standard output, at most 80 columns wide.

    Parameters
    ----------
    steps
        The number of steps.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._step, self._began = steps, 0, time.monotonic()
        self._interactive = sys.stdout.isatty()
        self._shown = ""

    def step(self, text: str) -> None:
        """Begin a step."""
        self.settle()
        self._step += 1
        print(f"\n[{self._step}/{self._steps}, {self.seconds():.0f} s] {text}", flush=True)

    def note(self, text: str) -> None:
        """Print lines that belong to the step."""
        self.settle()
        for line in text.splitlines():
            print(f"  {line}", flush=True)

    def progress(self, text: str) -> None:
        """Replace the progress line, on a terminal only."""
        if self._interactive and text.strip() and text != self._shown:
            print(f"\r  {text.strip()[:76]:<76}", end="", flush=True)
            self._shown = text

    def settle(self) -> None:
        """Remove the progress line."""
        if self._shown:
            print(f"\r{'':<78}\r", end="", flush=True)
            self._shown = ""

    def seconds(self) -> float:
        """Return the seconds since the screen was made."""
        return time.monotonic() - self._began
