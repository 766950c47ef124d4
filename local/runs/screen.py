"""What a run shows on the terminal: steps, notes, and one line that moves meanwhile."""

import sys
import time


class Screen:
    """A numbered list of steps on standard output, at most 80 columns wide.

    Parameters
    ----------
    steps
        How many steps there will be.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._step, self._began = steps, 0, time.monotonic()
        self._moving = sys.stdout.isatty()
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
        """Show a line in the place of the one before; nothing where no one watches."""
        if self._moving and text.strip() and text != self._shown:
            print(f"\r  {text.strip()[:76]:<76}", end="", flush=True)
            self._shown = text

    def settle(self) -> None:
        """Take the moving line away."""
        if self._shown:
            print(f"\r{'':<78}\r", end="", flush=True)
            self._shown = ""

    def seconds(self) -> float:
        """Return how long it has been shown."""
        return time.monotonic() - self._began
