"""The dead letters that a command acts on: by id, by reason, or all."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ops.dead_letters.letter import Letter
from ops.errors import OpsError, Status


@dataclass(frozen=True, slots=True)
class Selection:
    """The operator's choice; with ids and reasons, a letter needs only one of them."""

    ids: Collection[str] = ()
    reasons: Collection[str] = ()
    all: bool = False

    def check(self, *, has_all_option: bool = True) -> None:
        """Raise `OpsError` if nothing is chosen, or `--all` and something else."""
        chosen = bool(self.ids or self.reasons)
        if self.all and chosen:
            raise OpsError("Use --all alone, without ids and --reason.", Status.USAGE)
        if not self.all and not chosen:
            last = ", --reason REASON, or --all" if has_all_option else " or --reason REASON"
            raise OpsError(
                f"Which messages? Name their ids{last}. `queue-ends dlq ls` shows what there is.",
                Status.USAGE,
            )

    def choose(
        self, letters: Sequence[Letter], queue_name: str, note: Callable[[str], object]
    ) -> list[Letter]:
        """Return the chosen letters, and note the ids and reasons that no letter has.

        Raises
        ------
        OpsError
            No letter is chosen; the message says what there is instead.
        """
        chosen = [
            letter
            for letter in letters
            if self.all or letter.id in self.ids or letter.reason in self.reasons
        ]
        if not chosen:
            raise OpsError(
                f"No message matches. The {queue_name} holds {describe(letters)}.", Status.PROBLEM
            )
        for name in self.missing(letters):
            note(f"No message of the {queue_name} has the id or reason {name}.")
        return chosen

    def missing(self, letters: Sequence[Letter]) -> list[str]:
        """Return the chosen ids and reasons that no letter has."""
        there = {name for letter in letters for name in (letter.id, letter.reason)}
        return [name for name in (*self.ids, *self.reasons) if name not in there]


def describe(letters: Sequence[Letter]) -> str:
    """Return how many letters there are for each reason, in words."""
    counts = Counter(letter.reason for letter in letters).most_common()
    return ", ".join(f"{count} × {reason}" for reason, count in counts) or "no visible messages"
