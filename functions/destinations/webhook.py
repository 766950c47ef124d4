"""The webhook: a signed POST for every end, as Standard Webhooks has it."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import boto3

from aws_calls import client_config
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_LIMIT, Receipt
from destinations.webhook_call import Call, Calls
from destinations.webhook_connection import Connections, Origin
from destinations.webhook_signature import SecretUnusable, SigningKeys

# Calls that go on at the same time.
CONCURRENCY = 8
# After so many calls in a row that nobody answered, the receiver counts as down.
SILENT_CALLS = 2 * CONCURRENCY
# Seconds that must be left to begin a call: one that is broken off may have arrived all the same.
WORTHWHILE = 0.5

# A receiver says so of a signature that it does not accept.
UNAUTHORIZED = frozenset({401, 403})


class Webhook:
    """The destination `webhook`.

    Parameters
    ----------
    origin
        Where the requests go.
    keys
        What they are signed with.
    now
        Returns epoch seconds: Lambda may freeze the process, and a monotonic clock with it.
    calls
        Returns what makes the calls of a batch, and measures their time.

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
        limit: float = CALL_LIMIT,
        now: Callable[[], float] = time.time,
        calls: Callable[[], Calls] = Calls,
    ) -> None:
        self._connections = Connections(origin, now)
        self._keys = keys
        self.limit = limit
        self._now = now
        self._calls = calls

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Deliver ends, some at a time; see `destinations.destination.Destination`.

        A call without an answer is given up when its time is over, whatever it is waiting for, and
        the others go on meanwhile. What there is no time to begin is not tried, nor is the rest
        once the receiver counts as down.
        """
        waiting = deque(enumerate(ends))
        under_way: set[Call] = set()
        calls = self._calls()
        silent = 0
        try:
            while True:
                while waiting and len(under_way) < CONCURRENCY and silent < SILENT_CALLS:
                    if deadline.left() < WORTHWHILE:
                        break
                    try:
                        keys = self._keys.current(deadline)
                    except SecretUnusable as problem:
                        for position, _ in waiting:
                            yield Receipt(position, "failed", str(problem))
                        waiting.clear()
                        break
                    position, end = waiting.popleft()
                    limit = min(self.limit, deadline.left())
                    until = calls.deadline(limit)
                    call = Call(position, end, keys, self._connections, limit, until, self._now)
                    under_way.add(call)
                    calls.begin(call)
                if not under_way:
                    return
                for call in _over(under_way, calls):
                    under_way.discard(call)
                    silent = silent + 1 if call.was_silent() else 0
                    if call.status in UNAUTHORIZED:
                        self._keys.doubt()
                    yield call.delivery()
        finally:
            for call in under_way:
                call.give_up()

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
            # One short try: the message comes back, and what is kept outlasts a failure.
            boto3.client("secretsmanager", config=client_config()),
            environment["WEBHOOK_SECRET"],
        ),
    )


def _over(under_way: set[Call], calls: Calls) -> list[Call]:
    """Return calls that are over, after waiting until there are any; late ones are given up."""
    # All that have ended, or they would be given up with the late ones and lose their connection.
    over = calls.ended(min(call.deadline.left() for call in under_way))
    for call in under_way:
        if call.deadline.passed() and call not in over:
            call.give_up()
            over.append(call)
    # One that was given up before ends too, in its own time.
    return [call for call in over if call in under_way]
