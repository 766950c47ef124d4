"""The destination `actions`: the user's Python in `actions.py`, called for each end."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from conversations.end import ConversationEnd
from deadline import Deadline, time_limit
from destinations import actions
from destinations.destination import CALL_SECONDS, Receipt
from tracebacks import error_origin


def destination(environment: Mapping[str, str]) -> "Actions":
    """Return the destination that is `destinations.actions.on_conversation_end`."""
    return Actions(actions.on_conversation_end)


class Actions:
    """A function that is called for each end; the end has arrived unless the function raises."""

    name = "actions"

    def __init__(self, act: Callable[[ConversationEnd], None]) -> None:
        self._act = act

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Call the function for one end after another, until the deadline."""
        for position, end in enumerate(ends):
            left = deadline.left()
            if left <= 0:
                return
            yield self._call(position, end, min(CALL_SECONDS, left))

    def _call(self, position: int, end: ConversationEnd, seconds: float) -> Receipt:
        try:
            with time_limit(seconds):
                self._act(end)
        except KeyboardInterrupt:  # somebody stops a local run
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code: whatever it raises, this end fails
            return Receipt(position, "failed", error_origin(error, _is_in_the_action))
        return Receipt(position, "arrived")


def _is_in_the_action(place: str) -> bool:
    return "/destinations/" in place and not place.startswith(f"{__file__}:")
