"""The destination `webhook`: posts each end to a URL, signed as Standard Webhooks specifies."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from aws_clients import make_client
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt
from destinations.webhook_call import Call, CallRunner
from destinations.webhook_connection import ConnectionPool, Endpoint
from destinations.webhook_signature import SecretUnusable, SigningKeys

MAX_CONCURRENT_CALLS = 8
# After this many timeouts in a row, the receiver counts as down.
MAX_CONSECUTIVE_TIMEOUTS = 2 * MAX_CONCURRENT_CALLS
# A call that starts with less time left than this might be abandoned although the receiver
# already has the end.
MIN_SECONDS_TO_START = 0.5
# The statuses with which a receiver may answer a wrong signature.
WRONG_SIGNATURE_STATUSES = frozenset({401, 403})


class Webhook:
    """The destination `webhook`.

    Parameters
    ----------
    endpoint
        The endpoint that requests go to.
    keys
        The keys with which requests are signed.
    call_seconds
        The time limit of a call, from resolving the host's name to the response's status.
    now
        Returns epoch seconds. A monotonic clock could stop while Lambda freezes the process, so
        that idle connections would seem newer than they are.
    make_runner
        Returns a new `CallRunner` for each run of `deliver`; tests replace it.
    """

    name = "webhook"
    needs_main_thread = False

    def __init__(
        self,
        endpoint: Endpoint,
        keys: SigningKeys,
        *,
        call_seconds: float = CALL_SECONDS,
        now: Callable[[], float] = time.time,
        make_runner: Callable[[], CallRunner] = CallRunner,
    ) -> None:
        self._pool = ConnectionPool(endpoint, now)
        self._keys = keys
        self.call_seconds = call_seconds
        self._now = now
        self._make_runner = make_runner

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Send ends concurrently; see `Destination.deliver`.

        A call that exceeds its time limit is abandoned, and the other calls continue. No call
        starts shortly before the deadline or while the receiver counts as down; the ends that are
        left get no receipt. If the secret cannot be used, all unsent ends fail.
        """
        unsent = deque(enumerate(ends))
        running: set[Call] = set()
        runner = self._make_runner()
        timeouts_in_a_row = 0
        try:
            while True:  # Each round starts calls, and then waits for results.
                if timeouts_in_a_row < MAX_CONSECUTIVE_TIMEOUTS:
                    try:
                        self._start_calls(runner, unsent, running, deadline)
                    except SecretUnusable as error:
                        for position, _ in unsent:
                            yield Receipt(position, "failed", str(error))
                        unsent.clear()
                if not running:
                    return
                for call in _wait_or_abandon(running, runner):
                    running.discard(call)
                    timeouts_in_a_row = timeouts_in_a_row + 1 if call.has_timed_out() else 0
                    if call.status in WRONG_SIGNATURE_STATUSES:
                        self._keys.read_again_soon()
                    yield call.receipt()
        finally:
            # After an error, here or in the worker, calls can still be running.
            for call in running:
                call.abandon()

    def _start_calls(
        self,
        runner: CallRunner,
        unsent: deque[tuple[int, ConversationEnd]],
        running: set[Call],
        deadline: Deadline,
    ) -> None:
        """Move ends from `unsent` to new calls in `running`, as long as there is room and time.

        Raises
        ------
        SecretUnusable
            If there are no keys to sign with. The calls that are running continue.
        """
        while (
            unsent
            and len(running) < MAX_CONCURRENT_CALLS
            and deadline.left() >= MIN_SECONDS_TO_START
        ):
            keys = self._keys.current(deadline)
            position, end = unsent.popleft()
            limit_seconds = min(self.call_seconds, deadline.left())
            call_deadline = runner.deadline_in(limit_seconds)
            call = Call(position, end, keys, self._pool, limit_seconds, call_deadline, self._now)
            running.add(call)
            runner.start(call)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()


def make_destination(environment: Mapping[str, str]) -> Webhook:
    """Return the destination that the worker's environment variables describe."""
    return Webhook(
        Endpoint.from_url(
            environment["WEBHOOK_URL"],
            allow_private=environment.get("WEBHOOK_ALLOW_PRIVATE") == "true",
        ),
        SigningKeys(make_client("secretsmanager"), environment["WEBHOOK_SECRET"]),
    )


def _wait_or_abandon(running: set[Call], runner: CallRunner) -> list[Call]:
    """Wait for calls to finish, and abandon the overdue calls; return both.

    A call that was abandoned in an earlier round may finish only now. It is left out, so the result
    can be empty.
    """
    finished = runner.wait(min(call.deadline.left() for call in running))
    # A finished call keeps its response, even if its deadline has passed meanwhile.
    overdue = [call for call in running if call.deadline.passed() and call not in finished]
    for call in overdue:
        call.abandon()
    return [call for call in finished if not call.is_abandoned] + overdue
