"""The destination `actions`: calls the user's function in `actions.py` for each end."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations import actions
from destinations.destination import CALL_SECONDS, Receipt
from time_limit import call_within
from tracebacks import error_origin


def make_destination(environment: Mapping[str, str]) -> "Actions":
    """Return the destination that calls `destinations.actions.on_conversation_end`.

    `environment` is unused. Every destination's `make_destination` has this parameter.
    """
    return Actions(actions.on_conversation_end)


class Actions:
    """The destination that calls a function for each end; the end fails if the function raises."""

    name = "actions"
    needs_main_thread = True  # Only there can a time limit interrupt the function.

    def __init__(self, action: Callable[[ConversationEnd], None]) -> None:
        self._action = action

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Call the function for one end after another; see `Destination.deliver`."""
        for position, end in enumerate(ends):
            seconds_left = deadline.left()
            if seconds_left <= 0:
                return
            yield self._call(position, end, min(CALL_SECONDS, seconds_left))

    def _act(self, end: ConversationEnd) -> None:
        # If the action has no source lines, this line is what the receipt's detail names.
        self._action(end)

    def _call(self, position: int, end: ConversationEnd, seconds: float) -> Receipt:
        try:
            call_within(seconds, self._act, end)
        except KeyboardInterrupt:  # Ctrl-C in a local run
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the user's code raises, only this end fails
            origin = error_origin(error, is_preferred_location=_is_user_code)
            return Receipt(position, "failed", origin)
        return Receipt(position, "arrived")


def _is_user_code(location: str) -> bool:
    """Return whether a location (`path:line`) is in the user's code.

    The user's code is `actions.py` and any files that it imports from this folder. This file, which
    is in every traceback, does not count.
    """
    return "/destinations/" in location and not location.startswith(f"{__file__}:")
