"""Divides an invocation's time among the steps of its batch."""

import time
from collections.abc import Callable

from deadline import Deadline, InvocationContext


class TimeBudget:
    """The deadlines of a batch's steps.

    The steps are reading, rejecting, claiming, and the delivery to each destination. When a step
    begins, the time until the work deadline is divided equally among this step and the steps after
    it. A slow step therefore leaves time for the next steps. The time after the work deadline is
    reserved for closing the batch. One phase follows the other::

        phase                                      ends before the timeout
        read, reject, claim, each destination      3.0 s  work_deadline
        last marks                                 2.0 s  last_mark_deadline
        releases of unfinished claims              1.5 s  release_deadline
        rejections of refused messages, delays     1.0 s  closing_deadline
        logs and the response                      0 s    Lambda ends the invocation

    Parameters
    ----------
    destination_count
        The number of destinations.
    sleep
        Waits for a number of seconds.
    """

    WORK_RESERVE_SECONDS = 3.0
    MARK_RESERVE_SECONDS = 2.0
    RELEASE_RESERVE_SECONDS = 1.5
    CLOSING_RESERVE_SECONDS = 1.0
    # The time limit of a mark between deliveries. If it fails, the end's next mark makes up for it.
    MARK_SECONDS = 2.0
    # When an end arrives this long after the first unmarked one, all unmarked ends are marked.
    MARK_INTERVAL_SECONDS = 1.0
    # A lease outlives its invocation by this time, so two invocations never hold the same claim.
    LEASE_EXTRA_SECONDS = 1.0

    def __init__(
        self,
        context: InvocationContext,
        destination_count: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context = context
        self._sleep = sleep
        self._steps_left = 3 + destination_count
        self.work_deadline = self._before_timeout(self.WORK_RESERVE_SECONDS)
        self.last_mark_deadline = self._before_timeout(self.MARK_RESERVE_SECONDS)
        self.release_deadline = self._before_timeout(self.RELEASE_RESERVE_SECONDS)
        self.closing_deadline = self._before_timeout(self.CLOSING_RESERVE_SECONDS)

    def next_step_deadline(self) -> Deadline:
        """Return the next step's deadline. Call this exactly once a step, when the step begins."""
        share = max(0.0, self.work_deadline.left()) / self._steps_left
        self._steps_left -= 1
        return self.work_deadline.within(share)

    def interim_mark_deadline(self) -> Deadline:
        """Return the deadline of a mark that begins now, between deliveries."""
        return self.release_deadline.within(self.MARK_SECONDS)

    def lease_until_ms(self, now_ms: int) -> int:
        """Return the time at which the batch's leases expire, in epoch milliseconds."""
        extra_ms = int(1000 * self.LEASE_EXTRA_SECONDS)
        return now_ms + self._context.get_remaining_time_in_millis() + extra_ms

    def _before_timeout(self, reserve_seconds: float) -> Deadline:
        return Deadline.before_timeout(self._context, reserve_seconds, self._sleep)
