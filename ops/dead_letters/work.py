"""Works off chosen dead letters: receives them once more, a few at a time, and handles them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from intake.sending import MAX_ENTRIES
from ops.dead_letters.letter import Letter
from ops.dead_letters.queue import MIN_HIDDEN_SECONDS, LetterQueue, hidden_seconds

# After the last chosen letter, this many more groups are received at most, besides those of the
# letters that were there before. New dead letters could otherwise keep the command busy for ever.
_LAST_GROUPS = 10


@dataclass(slots=True)
class Result:
    """The result for the chosen letters, by id.

    Attributes
    ----------
    done
        The letters that were handled and are deleted.
    failed
        The error codes of the letters that could not be handled, or not be deleted.
    came_back
        Letters that came into the queue after the command had read it. They are left alone, so that
        a letter that always dies again does not keep the command busy for ever.
    """

    chosen: frozenset[str]
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    came_back: set[str] = field(default_factory=set)

    @property
    def left(self) -> set[str]:
        """The chosen letters that were not received again, or that no time was left for."""
        return {*self.chosen} - self.done - self.failed.keys()


@dataclass(frozen=True, slots=True)
class Work:
    """How chosen letters are handled.

    Attributes
    ----------
    handle
        Handles letters and deletes them; returns the failed ones' error codes by id.
    per_second
        About how many letters are handled in a second.
    pause
        Waits for as long as the rate demands. No message is hidden in vain meanwhile.
    is_stopped
        Whether the work is to stop, because it cannot succeed.
    """

    handle: Callable[[Sequence[Letter]], dict[str, str]]
    per_second: int = 100
    pause: Callable[[], object] = lambda: None
    is_stopped: Callable[[], bool] = lambda: False

    def off(
        self,
        queue: LetterQueue,
        chosen: Collection[str],
        known: Collection[str],
        progress: Callable[[int], object],
    ) -> Result:
        """Handle the chosen letters, and return the result.

        A letter is handled as soon as it is received. So at any moment only a few letters are in
        hand, and a command that is killed can be run again.

        Parameters
        ----------
        chosen, known
            The ids of the chosen letters, and of all letters that were in the queue before.
        progress
            Is told the number of letters that are done.
        """
        result = Result(frozenset(chosen))
        last_groups = len(known) // MAX_ENTRIES + _LAST_GROUPS
        with queue.receiving(
            len(known),
            most=min(MAX_ENTRIES, max(1, self.per_second)),
            seconds=MIN_HIDDEN_SECONDS,
            deleted=result.done,
        ) as groups:
            for group in groups:
                letters = list({letter.id: letter for letter in group}.values())
                result.came_back |= {letter.id for letter in letters} - {*known}
                # SQS delivers at least once, so a deleted message may come again.
                queue.delete([letter for letter in letters if letter.id in result.done])
                chosen_letters = [letter for letter in letters if letter.id in result.left]
                if chosen_letters:
                    failed = self.handle(chosen_letters)
                    result.failed |= failed
                    result.done |= {letter.id for letter in chosen_letters} - failed.keys()
                    progress(len(result.done))
                others = [letter for letter in letters if letter.id not in result.done]
                queue.hide(others, hidden_seconds(len(known), min(100, self.per_second)))
                if self.is_stopped():
                    break
                if not result.left:
                    last_groups -= 1
                    if last_groups < 0:
                        break
                elif chosen_letters:
                    self.pause()
        return result
