"""Delivers the claimed ends of a batch, and marks in the ledger which destinations have them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from conversations.claim import Claim, ClaimLost, Marked
from conversations.end import ConversationEnd
from conversations.failures import Failed, NoTime
from conversations.ledger import Claims
from conversations.parsed import Accepted
from deadline import Deadline
from destinations.destination import Destination, Receipt
from tracebacks import origin_of
from worker.messages import Message
from worker.time_budget import TimeBudget

Fate = Literal["done", "claim_lost", "destination", "no_time", "refused", "ledger"]


@dataclass(slots=True)
class ClaimedEnd:
    """An end to deliver, and the messages that report it.

    Attributes
    ----------
    problems, refusals
        By destination, why the end did not arrive: a retry may help, or never will.
    untried
        The destinations for which no time was left.
    unmarked
        Why the ledger does not know that the end is done, although every destination has it.
    claim_lost
        Whether another invocation holds the claim by now.
    done
        Whether the ledger knows that the end is done.
    """

    claim: Claim
    end: ConversationEnd
    ended_at_ms: int
    messages: list[Message] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    untried: list[str] = field(default_factory=list)
    unmarked: str = ""
    claim_lost: bool = False
    done: bool = False

    @classmethod
    def of(cls, claim: Claim, accepted: Accepted) -> "ClaimedEnd":
        """Return the end that a claim is on."""
        end = dataclasses.replace(accepted.end, sequence=claim.key.sequence)
        return cls(claim, end, accepted.ended_at_ms)

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do, and the claim to do it."""
        return not self.done and not self.claim_lost

    def lacks(self, destination: str) -> bool:
        return destination not in self.claim.delivered

    def fate(self) -> Fate:
        """Return what became of the end; the most urgent of several answers."""
        if self.done:
            return "done"
        if self.claim_lost:
            return "claim_lost"
        if self.problems:
            return "destination"
        if self.untried:
            return "no_time"
        return "refused" if self.refusals else "ledger"


def dispatch(
    ends: Sequence[ClaimedEnd],
    destinations: Sequence[Destination],
    claims: Claims,
    budget: TimeBudget,
) -> int:
    """Deliver each end to each destination that lacks it, then release what is not done.

    An end that one destination does not take goes to the others all the same.

    Returns
    -------
    int
        The number of failed attempts, each of one end at one destination.
    """
    return _Dispatch(destinations, claims, budget).carry_out(ends)


class _Dispatch:
    def __init__(
        self, destinations: Sequence[Destination], claims: Claims, budget: TimeBudget
    ) -> None:
        self._destinations = destinations
        self._claims = claims
        self._budget = budget
        self._failures = 0

    def carry_out(self, ends: Sequence[ClaimedEnd]) -> int:
        for destination in self._destinations:
            deadline = self._budget.next_step()
            due = [end for end in ends if not end.claim_lost and end.lacks(destination.name)]
            if due:
                self._deliver(destination, due, deadline)
        # Some ends had nothing left to deliver: they arrived before a crash, or the destination
        # that they lacked is no longer set. And a mark may have failed.
        arrived = [end for end in ends if end.is_open and self._is_everywhere(end)]
        self._mark(arrived, self._budget.marks)
        unfinished = [end.claim for end in ends if end.is_open]
        if unfinished:
            self._claims.release(unfinished, self._budget.releases)
        return self._failures

    def _deliver(
        self, destination: Destination, due: Sequence[ClaimedEnd], deadline: Deadline
    ) -> None:
        name = destination.name
        if deadline.passed():
            for end in due:
                end.untried.append(name)
            return
        untried = set(range(len(due)))
        arrived: list[ClaimedEnd] = []
        first_left = 0.0
        try:
            for receipt in destination.deliver([each.end for each in due], deadline):
                end = due[receipt.position]
                untried.discard(receipt.position)
                if receipt.kind != "arrived":
                    self._note(end, name, receipt)
                    continue
                end.claim.delivered.append(name)
                first_left = first_left if arrived else deadline.left()
                arrived.append(end)
                waited = first_left - deadline.left()
                is_full = len(arrived) == self._claims.marks_per_call
                if is_full or waited >= self._budget.MARK_EVERY:
                    self._mark(arrived, self._budget.mark())
                    arrived = []
        except Exception as error:  # noqa: BLE001 - a mistake in it fails its ends, no others
            broken = f"{name}: {origin_of(error)}"
            self._failures += len(untried)
            for position in untried:
                due[position].problems[name] = broken
        self._mark(arrived, self._budget.mark())
        if any(name in end.problems for end in due):
            # The failed ones took the time of these, which therefore wait as long as they do.
            for position in untried:
                due[position].problems.setdefault(name, f"{name}: not tried, others took too long")
        else:
            for position in untried:
                due[position].untried.append(name)

    def _note(self, end: ClaimedEnd, destination: str, receipt: Receipt) -> None:
        self._failures += 1
        reasons = end.refusals if receipt.kind == "refused" else end.problems
        reasons[destination] = f"{destination}: {receipt.detail}"

    def _mark(self, ends: Sequence[ClaimedEnd], deadline: Deadline) -> None:
        """Mark in the ledger who has the ends; the last destination of an end completes it."""
        if not ends:
            return
        complete = [self._is_everywhere(end) for end in ends]
        results = self._claims.mark([end.claim for end in ends], complete, deadline)
        for end, completes, result in zip(ends, complete, results, strict=True):
            match result:
                case Marked():
                    end.unmarked, end.done = "", completes
                case ClaimLost():
                    end.claim_lost = True
                case Failed(error):
                    end.unmarked = error
                case NoTime():
                    end.unmarked = "NoTime"
                case _:
                    assert_never(result)

    def _is_everywhere(self, end: ClaimedEnd) -> bool:
        return not any(end.lacks(destination.name) for destination in self._destinations)
