"""Delivers a batch's claimed ends, and marks in the ledger which destinations have each end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from conversations.claim import ClaimLost, Marked
from conversations.failures import Failed, OutOfTime
from conversations.ledger import Claims
from deadline import Deadline
from destinations.destination import Destination, Receipt
from side_by_side import Threads
from tracebacks import error_origin
from worker.claimed_end import ClaimedEnd
from worker.time_budget import TimeBudget


@dataclass(frozen=True, slots=True)
class Finished:
    """A transfer is finished: every receipt has been given, unless there was an error."""

    error: Exception | None


Report = tuple["_Transfer", Receipt | Finished]
"""What a thread reports of its transfer."""


def dispatch(
    ends: Sequence[ClaimedEnd],
    destinations: Sequence[Destination],
    claims: Claims,
    budget: TimeBudget,
    threads: Threads[Report],
) -> int:
    """Deliver ends to the destinations that lack them, and release the claims on unfinished ends.

    The destinations get the ends side by side. The results are recorded in `ends`. An end that
    fails at one destination still goes to the other destinations.

    Parameters
    ----------
    threads
        New threads, for the destinations that need not run in the main thread.

    Returns
    -------
    int
        The number of attempts that failed or were refused. An attempt sends one end to one
        destination.
    """
    return _Dispatch(destinations, claims, budget, threads).run(ends)


class _Transfer:
    """The transfer of ends to a destination that lacks them."""

    def __init__(
        self, destination: Destination, ends: Sequence[ClaimedEnd], deadline: Deadline
    ) -> None:
        self.destination = destination
        self.ends = ends
        self.deadline = deadline
        self.ends_without_receipt = dict(enumerate(ends))

    def run(self, report: Callable[[Report], None]) -> None:
        """Deliver the ends, and report each receipt and the end of the transfer."""
        error = None
        try:
            ends = [claimed_end.end for claimed_end in self.ends]
            for receipt in self.destination.deliver(ends, self.deadline):
                if not 0 <= receipt.position < len(ends):
                    raise IndexError(f"no end has the position {receipt.position}")
                report((self, receipt))
        except Exception as raised:  # noqa: BLE001 - a destination's bug must not stop the others
            error = raised
        report((self, Finished(error)))


class _Dispatch:
    def __init__(
        self,
        destinations: Sequence[Destination],
        claims: Claims,
        budget: TimeBudget,
        threads: Threads[Report],
    ) -> None:
        self._destinations = destinations
        self._names = frozenset(destination.name for destination in destinations)
        self._claims = claims
        self._budget = budget
        self._threads = threads
        self._deadline = budget.next_step_deadline()
        self._running: set[_Transfer] = set()
        self._failed_attempts = 0
        # The ends that have arrived since they were marked, everywhere or at some destinations.
        self._unmarked_done: list[ClaimedEnd] = []
        self._unmarked_others: dict[int, ClaimedEnd] = {}
        self._seconds_left_at_first_unmarked = 0.0

    def run(self, ends: Sequence[ClaimedEnd]) -> int:
        self._deliver(ends)
        # These ends have arrived everywhere, but are not marked as done: a mark failed, or a
        # destination that lacked them was removed from the settings.
        unmarked_ends = [end for end in ends if _is_open(end) and self._has_arrived_everywhere(end)]
        self._mark(unmarked_ends, self._budget.last_mark_deadline)
        claims_to_release = [end.claim for end in ends if _is_open(end)]
        if claims_to_release:
            self._claims.release(claims_to_release, self._budget.release_deadline)
        return self._failed_attempts

    def _deliver(self, ends: Sequence[ClaimedEnd]) -> None:
        """Send each end to the destinations that lack it, and mark the ends that have arrived."""
        transfers = [
            _Transfer(destination, due_ends, self._deadline)
            for destination in self._destinations
            if (due_ends := [e for e in ends if destination.name not in e.claim.delivered])
        ]
        if self._deadline.passed():
            for transfer in transfers:
                self._finish(transfer, None)
            return
        self._running = {*transfers}
        in_this_thread = [t for t in transfers if _needs_main_thread(t.destination)]
        if len(transfers) == 1:
            in_this_thread = transfers
        for transfer in transfers:
            if transfer not in in_this_thread:
                self._threads.start(transfer.run)
        for position, transfer in enumerate(in_this_thread):
            # These wait for one another, so each gets a share of the time that is left.
            seconds = self._deadline.left() / (len(in_this_thread) - position)
            transfer.deadline = self._deadline.within(seconds)
            if seconds > 0:
                transfer.run(self._take_with_others)
            else:
                self._take((transfer, Finished(None)))
        self._wait_for_others()
        self._mark_unmarked()

    def _take_with_others(self, report: Report) -> None:
        """Take a report from this thread, and those that have come from others meanwhile."""
        self._take(report)
        if len(self._running) > 1:
            while other_report := self._threads.next_report(0):
                self._take(other_report)

    def _wait_for_others(self) -> None:
        last_report_deadline = self._deadline.extended_by(self._budget.REPORT_SECONDS)
        while self._running:
            seconds = last_report_deadline.left()
            if self._has_unmarked():
                seconds = min(seconds, self._seconds_until_mark(self._deadline.left()))
            if report := self._threads.next_report(seconds):
                self._take(report)
            elif last_report_deadline.passed():
                for transfer in self._running:
                    self._abandon(transfer)
                return
            else:
                self._mark_unmarked()

    def _take(self, report: Report) -> None:
        transfer, event = report
        if isinstance(event, Finished):
            self._running.discard(transfer)
            self._finish(transfer, event.error)
            return
        claimed_end = transfer.ends[event.position]
        transfer.ends_without_receipt.pop(event.position, None)
        if event.kind == "arrived":
            self._record_arrival(claimed_end, transfer.destination.name)
        else:
            self._record_failure(claimed_end, transfer.destination.name, event)

    def _record_arrival(self, claimed_end: ClaimedEnd, name: str) -> None:
        seconds_left = self._deadline.left()
        if not self._has_unmarked():
            self._seconds_left_at_first_unmarked = seconds_left
        claimed_end.claim.delivered.append(name)
        if self._has_arrived_everywhere(claimed_end):
            self._unmarked_others.pop(id(claimed_end), None)
            self._unmarked_done.append(claimed_end)
        else:
            self._unmarked_others[id(claimed_end)] = claimed_end
        if self._seconds_until_mark(seconds_left) <= 0:
            self._mark_unmarked()
        elif len(self._unmarked_done) == self._claims.marks_per_call:
            self._mark(self._unmarked_done, self._budget.interim_mark_deadline())
            self._unmarked_done = []

    def _finish(self, transfer: _Transfer, error: Exception | None) -> None:
        """Record what became of the ends without a receipt."""
        name, ends = transfer.destination.name, [*transfer.ends_without_receipt.values()]
        if error:
            self._fail(ends, name, error_origin(error))
        elif any(name in claimed_end.failures for claimed_end in transfer.ends):
            # The ends that failed have probably used up the time. If these ends were recorded as
            # untried, they would come back at once, and probably lack time again. Recorded as
            # failed, they come back after a delay.
            for claimed_end in ends:
                claimed_end.failures[name] = f"{name}: not tried, others took too long"
                claimed_end.is_crowded_out = True
        else:
            for claimed_end in ends:
                claimed_end.untried_destinations.append(name)

    def _abandon(self, transfer: _Transfer) -> None:
        """Record that a destination has not kept the deadline. Its thread goes on."""
        ends = [*transfer.ends_without_receipt.values()]
        self._fail(ends, transfer.destination.name, "no answer in time")
        for claimed_end in ends:
            claimed_end.is_crowded_out |= len(ends) > 1

    def _fail(self, ends: Sequence[ClaimedEnd], name: str, detail: str) -> None:
        self._failed_attempts += len(ends)
        for claimed_end in ends:
            claimed_end.failures[name] = f"{name}: {detail}"

    def _record_failure(self, end: ClaimedEnd, name: str, receipt: Receipt) -> None:
        """Record that an end failed or was refused."""
        self._failed_attempts += 1
        details = end.refusals if receipt.kind == "refused" else end.failures
        details[name] = f"{name}: {receipt.detail}"

    def _has_unmarked(self) -> bool:
        return bool(self._unmarked_done or self._unmarked_others)

    def _seconds_until_mark(self, seconds_left: float) -> float:
        """Return the seconds until the interim mark, which is due an interval after an arrival."""
        seconds_since_arrival = self._seconds_left_at_first_unmarked - seconds_left
        return self._budget.MARK_INTERVAL_SECONDS - seconds_since_arrival

    def _mark_unmarked(self) -> None:
        """Mark all ends that have arrived since they were marked."""
        ends = [*self._unmarked_done, *self._unmarked_others.values()]
        self._unmarked_done, self._unmarked_others = [], {}
        self._mark(ends, self._budget.interim_mark_deadline())

    def _mark(self, ends: Sequence[ClaimedEnd], deadline: Deadline) -> None:
        """Record in the ledger which destinations have the ends, and which ends are done."""
        if not ends:
            return
        done_flags = [self._has_arrived_everywhere(end) for end in ends]
        results = self._claims.mark([end.claim for end in ends], done_flags, deadline)
        for end, done, result in zip(ends, done_flags, results, strict=True):
            match result:
                case Marked():
                    end.mark_error, end.done = "", done
                case ClaimLost():
                    end.claim_lost = True
                case Failed(error):
                    end.mark_error = error
                case OutOfTime():
                    end.mark_error = "NoTime"
                case _:
                    assert_never(result)

    def _has_arrived_everywhere(self, end: ClaimedEnd) -> bool:
        return self._names.issubset(end.claim.delivered)


def _needs_main_thread(destination: Destination) -> bool:
    # A user's own destination, written for an earlier version, does not have the attribute.
    return getattr(destination, "needs_main_thread", True)


def _is_open(end: ClaimedEnd) -> bool:
    """Return whether an end is not done, and this invocation still holds the claim."""
    return not end.done and not end.claim_lost
