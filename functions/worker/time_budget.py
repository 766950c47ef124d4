"""Divides an invocation's time among the steps of its batch."""

import time
from collections.abc import Callable

from deadline import Deadline, InvocationContext


class TimeBudget:
    """The deadlines of a batch's steps.

    The steps are reading, rejecting invalid messages, claiming, and the steps after claiming:
    delivering and, before that, two if ends get details.
    When a step begins, the time until the work deadline is divided equally among this step and the
    steps after it. A slow step therefore leaves time for the next steps. The steps are the first of
    five phases. The other four share the time after the work deadline::

        phase                                        its deadline         time left until timeout
        the steps                                    work_deadline        3.0 s
        last marks                                   last_mark_deadline   2.0 s
        releasing claims on unfinished ends          release_deadline     1.5 s
        rejecting after refusals, delaying retries   closing_deadline     1.0 s
        logs and the response                        the timeout          0 s

    Parameters
    ----------
    steps_after_claiming
        The number of steps after claiming.
    sleep
        Waits for a number of seconds.
    """

    SECONDS_AFTER_WORK = 3.0
    SECONDS_AFTER_LAST_MARKS = 2.0
    SECONDS_AFTER_RELEASES = 1.5
    SECONDS_AFTER_CLOSING = 1.0
    # The time limit of an interim mark, which is a mark during the steps. It can be short, because
    # an end's next mark also records what a failed mark should have recorded.
    INTERIM_MARK_SECONDS = 2.0
    # For this long, ends that have arrived at a destination are collected, to be marked together.
    MARK_INTERVAL_SECONDS = 1.0
    # A destination in a thread stops at the deadline. It then has this long to report its results.
    REPORT_SECONDS = 0.2
    # A lease outlives its invocation by this time, so two invocations never hold the same claim.
    LEASE_EXTRA_SECONDS = 1.0

    def __init__(
        self,
        context: InvocationContext,
        steps_after_claiming: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context = context
        self._sleep = sleep
        self._steps_left = 3 + steps_after_claiming  # 3: reading, rejecting, claiming
        self.work_deadline = self._before_timeout(self.SECONDS_AFTER_WORK)
        self.last_mark_deadline = self._before_timeout(self.SECONDS_AFTER_LAST_MARKS)
        self.release_deadline = self._before_timeout(self.SECONDS_AFTER_RELEASES)
        self.closing_deadline = self._before_timeout(self.SECONDS_AFTER_CLOSING)

    def next_step_deadline(self) -> Deadline:
        """Return the next step's deadline. Call this once per step, when the step begins."""
        step_seconds = max(0.0, self.work_deadline.left()) / self._steps_left
        self._steps_left -= 1
        return self.work_deadline.within(step_seconds)

    def interim_mark_deadline(self) -> Deadline:
        """Return the deadline of an interim mark that begins now.

        It may continue after the work deadline, and use up the time of the last marks and the
        releases.
        """
        return self.release_deadline.within(self.INTERIM_MARK_SECONDS)

    def lease_until_ms(self, now_ms: int) -> int:
        """Return the time at which the batch's leases expire, in epoch milliseconds."""
        extra_ms = int(1000 * self.LEASE_EXTRA_SECONDS)
        return now_ms + self._context.get_remaining_time_in_millis() + extra_ms

    def _before_timeout(self, reserve_seconds: float) -> Deadline:
        return Deadline.before_timeout(self._context, reserve_seconds, self._sleep)
