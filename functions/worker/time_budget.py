"""How a batch shares the time of its invocation."""

import time
from collections.abc import Callable

from deadline import Deadline, InvocationContext


class TimeBudget:
    """The deadline of each step of a batch.

    Reading, rejecting, claiming and each destination share the time until `WORK`: no slow queue,
    table or destination keeps good ends from the steps after it. The rest of the invocation is kept
    for the steps that close a batch. Seconds before the timeout::

        … read │ reject │ claim │ destination │ … ┤ 3.0  the work is over
                             the last marks       ┤ 2.0  what arrived is marked
                             releases             ┤ 1.5  unfinished claims are released
                             rejects, delays      ┤ 1.0  failed messages have their delays
                             logs, the response   ┤ 0    Lambda ends the invocation

    Parameters
    ----------
    sleep
        Waits for a number of seconds.
    destinations
        The number of destinations.
    """

    WORK = 3.0
    MARKS = 2.0
    RELEASES = 1.5
    CLOSING = 1.0
    # A mark while there is more to deliver may take this long; the next one repeats what it lacks.
    MARK_SECONDS = 2.0
    # An end that arrived is marked after this long at the latest, if another one arrives.
    MARK_EVERY = 1.0
    # A lease outlives the invocation by this much, so that no two ever hold a claim.
    LEASE_AFTER = 1.0

    def __init__(
        self,
        context: InvocationContext,
        destinations: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context = context
        self._sleep = sleep
        self._steps = 3 + destinations
        self.work = self._until(self.WORK)
        self.marks = self._until(self.MARKS)
        self.releases = self._until(self.RELEASES)
        self.closing = self._until(self.CLOSING)

    def next_step(self) -> Deadline:
        """Return the deadline of the next step; the steps still to come have equal shares."""
        share = max(0.0, self.work.left()) / self._steps
        self._steps -= 1
        return self.work.within(share)

    def mark(self) -> Deadline:
        """Return the deadline of a mark that the rest of the deliveries wait for."""
        return self.releases.within(self.MARK_SECONDS)

    def lease_until(self, now_ms: int) -> int:
        """Return when the batch's claims run out, in epoch milliseconds."""
        return now_ms + self._context.get_remaining_time_in_millis() + int(1000 * self.LEASE_AFTER)

    def _until(self, reserve: float) -> Deadline:
        return Deadline.before_timeout_of(self._context, reserve, self._sleep)
