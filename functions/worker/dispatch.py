"""Takes the claimed ends of a batch to their destinations, and has the ledger remember it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from conversations.claim import Claim, ClaimLost, Marked
from conversations.end import ConversationEnd
from conversations.failures import Failed, NoTime
from conversations.ledger import Claims
from conversations.parsed import Accepted
from deadline import Deadline
from destinations.destination import Destination, Receipt
from tracebacks import origin_of
from worker.message import Message

# Seconds after which an end that has arrived is marked, at the latest when the next one arrives.
MARK_AFTER = 1.0
# Seconds for a mark while there is more to deliver: what it leaves out the next one writes down.
MARK_LIMIT = 2.0
# Seconds that are kept for giving up what is not done.
RELEASE_RESERVE = 0.5


@dataclass(slots=True)
class ClaimedEnd:
    """An end of ours to deliver, and every message of the batch that tells of it.

    Attributes
    ----------
    problems, refusals
        By destination: why it did not arrive, where it may another time, and where it never will.
    ledger
        Why the ledger does not say that it is done, although it arrived everywhere.
    lost
        Whether another invocation holds the claim by now.
    done
        Whether the ledger says that it is done.
    """

    claim: Claim
    end: ConversationEnd
    ended_at_ms: int
    messages: list[Message] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    untried: list[str] = field(default_factory=list)
    ledger: str = ""
    lost: bool = False
    done: bool = False

    @classmethod
    def of(cls, claim: Claim, accepted: Accepted) -> "ClaimedEnd":
        """Return the work that a claim is."""
        end = dataclasses.replace(accepted.end, sequence=claim.key.sequence)
        return cls(claim, end, accepted.ended_at_ms)

    def lacks(self, destination: str) -> bool:
        return destination not in self.claim.delivered

    def fate(self) -> Literal["done", "lost", "destination", "no_time", "refused", "ledger"]:
        """Return what became of it, the most pressing first."""
        if self.done:
            return "done"
        if self.lost:
            return "lost"
        if self.problems:
            return "destination"
        if self.untried:
            return "no_time"
        return "refused" if self.refusals else "ledger"


class Dispatch:
    """The deliveries of one batch.

    Parameters
    ----------
    marking
        The deadline for what is written into the ledger, later than that of the deliveries: what
        has arrived is marked even when there is no time for more.

    Attributes
    ----------
    failures
        How many deliveries did not succeed: of one end to one destination each.
    """

    def __init__(
        self, destinations: Sequence[Destination], claims: Claims, marking: Deadline
    ) -> None:
        self._destinations = destinations
        self._claims = claims
        self._marking = marking
        self.failures = 0

    def carry_out(self, works: Sequence[ClaimedEnd], deadline: Deadline) -> None:
        """Deliver each end to each destination that lacks it, then give up what is not done.

        A destination has its share of the time that is left, so that one that hangs leaves time
        for the others; an end that one destination does not take goes to the others all the same.
        """
        for position, destination in enumerate(self._destinations):
            due = [work for work in works if not work.lost and work.lacks(destination.name)]
            share = deadline.left() / (len(self._destinations) - position)
            if due:
                self._deliver(destination, due, deadline.within(max(0.0, share)))
        # What arrived everywhere and is not written down yet. That may be all there was to do: it
        # arrived before a crash, or a destination is no longer set.
        arrived = [w for w in works if not w.done and not w.lost and self._has_arrived(w)]
        self._mark(arrived, self._marking.within(self._marking.left() - RELEASE_RESERVE))
        unfinished = [work.claim for work in works if not work.done and not work.lost]
        if unfinished:
            self._claims.release(unfinished, self._marking)

    def _deliver(
        self, destination: Destination, due: Sequence[ClaimedEnd], deadline: Deadline
    ) -> None:
        name = destination.name
        if deadline.passed():
            for work in due:
                work.untried.append(name)
            return
        tried: set[int] = set()
        arrived: list[ClaimedEnd] = []
        oldest = 0.0
        try:
            for delivery in destination.deliver([work.end for work in due], deadline):
                work = due[delivery.position]
                tried.add(delivery.position)
                if delivery.verdict != "arrived":
                    self.failures += 1
                    _note(work, name, delivery)
                    continue
                work.claim.delivered.append(name)
                oldest = oldest if arrived else deadline.left()
                arrived.append(work)
                if (
                    len(arrived) == self._claims.marks_per_call
                    or oldest - deadline.left() >= MARK_AFTER
                ):
                    self._mark(arrived, self._marking.within(MARK_LIMIT))
                    arrived = []
        except Exception as error:  # noqa: BLE001 - a mistake in it fails its ends, no others
            broken = f"{name}: {origin_of(error)}"
            for position in set(range(len(due))) - tried:
                due[position].problems[name] = broken
                self.failures += 1
        self._mark(arrived, self._marking.within(MARK_LIMIT))
        trouble = any(name in work.problems for work in due)
        for position in set(range(len(due))) - tried:
            if trouble:
                # It took the time of these: they wait as long as those that it failed.
                due[position].problems.setdefault(name, f"{name}: not tried, others took too long")
            else:
                due[position].untried.append(name)

    def _mark(self, works: Sequence[ClaimedEnd], deadline: Deadline) -> None:
        """Write down what arrived; the last destination of an end completes it."""
        if not works:
            return
        complete = [self._has_arrived(work) for work in works]
        results = self._claims.mark([work.claim for work in works], complete, deadline)
        for work, completed, result in zip(works, complete, results, strict=True):
            match result:
                case Marked():
                    work.ledger, work.done = "", completed
                case ClaimLost():
                    work.lost = True
                case Failed(error):
                    work.ledger = error
                case NoTime():
                    work.ledger = "NoTime"

    def _has_arrived(self, work: ClaimedEnd) -> bool:
        return not any(work.lacks(destination.name) for destination in self._destinations)


def _note(work: ClaimedEnd, destination: str, delivery: Receipt) -> None:
    reasons = work.refusals if delivery.verdict == "refused" else work.problems
    reasons[destination] = f"{destination}: {delivery.detail}"
