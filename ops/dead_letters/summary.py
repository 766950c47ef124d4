"""The summaries of `dlq redrive` and `dlq drop`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ops.command import Command


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of a command that has changed a queue.

    Attributes
    ----------
    verb
        What became of the messages: `redriven` or `dropped`.
    left
        How many of the chosen messages are still in the queue, untouched.
    failed
        The error codes of the messages that could not be handled, by id.
    why
        Why the command stopped early; otherwise empty.
    missing
        The chosen ids and reasons that no message has.
    """

    verb: str
    done: int
    left: int
    came_back: int
    failed: dict[str, str] = field(default_factory=dict)
    why: str = ""
    missing: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not (self.failed or self.left or self.why or self.missing)

    def print(self, cmd: Command, **more: Any) -> None:
        """Print the numbers, and for a program also `more`."""
        line = f"{self.verb.capitalize()} {self.done}, left {self.left}, failed {len(self.failed)}"
        cmd.output.show(f"{line}, came back {self.came_back}.")
        for code, count in Counter(self.failed.values()).items():
            cmd.output.show(f"Failed: {count} × {code}. Run the command again to retry them.")
        if self.left:
            cmd.output.show("Another command may hold the rest. Run this command again.")
        if self.came_back:
            cmd.output.show(
                "Messages came into the queue meanwhile: see their reasons with queue-ends dlq ls."
            )
        if self.why:
            cmd.output.show(f"Stopped early: {self.why}.")
        cmd.output.result(
            {
                self.verb: self.done,
                "left": self.left,
                "came_back": self.came_back,
                "failed": [{"id": id_, "error": code} for id_, code in self.failed.items()],
                "stopped": self.why,
                "missing": list(self.missing),
                **more,
            }
        )
