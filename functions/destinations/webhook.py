"""The destination `webhook`: a signed POST for every end, by Standard Webhooks."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import boto3

from aws_calls import client_config
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt
from destinations.webhook_call import Call, Calls
from destinations.webhook_connection import Connections, Origin
from destinations.webhook_signature import SecretUnusable, SigningKeys

# Calls that go on at the same time.
CONCURRENCY = 8
# A receiver that leaves so many calls in a row unanswered counts as down.
MAX_UNANSWERED = 2 * CONCURRENCY
# Seconds that must be left to begin a call: one that is broken off may have arrived all the same.
MIN_SECONDS_LEFT = 0.5
# The statuses of a receiver that does not accept a signature.
UNAUTHORIZED = frozenset({401, 403})


class Webhook:
    """The destination `webhook`.

    Parameters
    ----------
    origin
        Where the requests go.
    keys
        The keys that sign them.
    now
        Returns epoch seconds: Lambda may freeze the process, and a monotonic clock with it.
    calls
        Returns the object that makes a batch's calls and measures their time.

    Attributes
    ----------
    limit
        Seconds that a call may take, from looking up the address to the answer's status.
    """

    name = "webhook"

    def __init__(
        self,
        origin: Origin,
        keys: SigningKeys,
        *,
        limit: float = CALL_SECONDS,
        now: Callable[[], float] = time.time,
        calls: Callable[[], Calls] = Calls,
    ) -> None:
        self._connections = Connections(origin, now)
        self._keys = keys
        self.limit = limit
        self._now = now
        self._calls = calls

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Send ends, some at a time; see `destinations.destination.Destination`.

        A call without an answer is given up when its time is over, whatever it waits for, and the
        others go on. No call is begun without enough time, or once the receiver counts as down.
        """
        waiting = deque(enumerate(ends))
        going_on: set[Call] = set()
        calls = self._calls()
        unanswered = 0
        try:
            while True:
                if unanswered < MAX_UNANSWERED:
                    try:
                        self._begin(calls, waiting, going_on, deadline)
                    except SecretUnusable as problem:
                        for position, _ in waiting:
                            yield Receipt(position, "failed", str(problem))
                        waiting.clear()
                if not going_on:
                    return
                for call in _finished(going_on, calls):
                    going_on.discard(call)
                    unanswered = unanswered + 1 if call.is_unanswered() else 0
                    if call.status in UNAUTHORIZED:
                        self._keys.read_again_soon()
                    yield call.receipt()
        finally:
            for call in going_on:
                call.give_up()

    def _begin(
        self,
        calls: Calls,
        waiting: deque[tuple[int, ConversationEnd]],
        going_on: set[Call],
        deadline: Deadline,
    ) -> None:
        """Begin calls for the ends that wait, as many as may go on at the same time."""
        while waiting and len(going_on) < CONCURRENCY and deadline.left() >= MIN_SECONDS_LEFT:
            keys = self._keys.current(deadline)
            position, end = waiting.popleft()
            limit = min(self.limit, deadline.left())
            call = Call(
                position, end, keys, self._connections, limit, calls.deadline(limit), self._now
            )
            going_on.add(call)
            calls.begin(call)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connections.close()


def destination(environment: Mapping[str, str]) -> Webhook:
    """Return the destination that the worker's environment variables describe."""
    return Webhook(
        Origin.of(
            environment["WEBHOOK_URL"],
            allow_private=environment.get("WEBHOOK_ALLOW_PRIVATE") == "true",
        ),
        SigningKeys(
            boto3.client("secretsmanager", config=client_config()), environment["WEBHOOK_SECRET"]
        ),
    )


def _finished(going_on: set[Call], calls: Calls) -> list[Call]:
    """Return calls that have ended or are given up, after waiting until there are any."""
    # All that have ended, or they would be given up with the late ones and lose their connection.
    finished = calls.ended(min(call.deadline.left() for call in going_on))
    for call in going_on:
        if call.deadline.passed() and call not in finished:
            call.give_up()
            finished.append(call)
    # A call that was given up before ends later, in its own time.
    return [call for call in finished if call in going_on]
