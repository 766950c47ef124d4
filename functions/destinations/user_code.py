"""The destination `actions`: the user's Python in `actions.py`, called for each end."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence

from conversations.end import ConversationEnd
from deadline import Deadline, interrupted_after
from destinations import actions
from destinations.delivery import CALL_LIMIT, Delivery


def destination(environment: Mapping[str, str]) -> "Actions":
    """Return the destination that is `destinations.actions.on_conversation_end`."""
    return Actions(actions.on_conversation_end)


class Actions:
    """A function that returns when an end has arrived, and raises when it has not."""

    name = "actions"

    def __init__(self, act: Callable[[ConversationEnd], None]) -> None:
        self._act = act

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Delivery]:
        """Call the function for one end after another, until the deadline."""
        for position, end in enumerate(ends):
            left = deadline.left()
            if left <= 0:
                return
            yield self._call(position, end, min(CALL_LIMIT, left))

    def _call(self, position: int, end: ConversationEnd, seconds: float) -> Delivery:
        try:
            with interrupted_after(seconds):
                self._act(end)
        except KeyboardInterrupt:  # somebody stops a local run
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code: this end fails, whatever it is
            return Delivery(position, "failed", _where(error))
        return Delivery(position, "arrived")


def _where(error: BaseException) -> str:
    """Return an error's type and its place in the action; its text could quote what is private."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = (
        f for f in reversed(frames) if "/destinations/" in f.filename and f.filename != __file__
    )
    place = next(ours, frames[-1])
    return f"{type(error).__name__} at {place.filename.rpartition('/')[2]}:{place.lineno}"
