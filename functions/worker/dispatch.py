"""Delivers a batch's claimed ends, and marks in the ledger which destinations have each end."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from conversations.claim import Claim, ClaimLost, Marked
from conversations.end import ConversationEnd, make_end_id
from conversations.failures import Failed, OutOfTime
from conversations.fields import format_utc, from_epoch_ms
from conversations.ledger import Claims
from conversations.parsed import Accepted
from deadline import Deadline
from destinations.destination import Destination, Receipt
from tracebacks import error_origin
from worker.messages import Message
from worker.time_budget import TimeBudget

Fate = Literal["done", "claim_lost", "destination_failed", "no_time", "refused", "mark_failed"]
"""`done`, or why an end is not done."""


@dataclass(slots=True)
class ClaimedEnd:
    """An end to deliver, and the messages that report it.

    Attributes
    ----------
    end
        The end as destinations get it, with the sequence, the id and the time from the ledger.
    has_own_time, details_attempts
        As in `Accepted`.
    failures
        The details of failed attempts, keyed by destination name. A retry may succeed.
    refusals
        The details of refused attempts, keyed by destination name. No retry can succeed.
    untried_destinations
        The names of destinations that the end was not sent to, because no time was left.
    is_crowded_out
        Whether the end is among `failures` only because other ends took a destination's time.
    mark_error
        The latest mark's error; empty if there is none.
    claim_lost
        Whether another invocation has taken over the end.
    done
        Whether the ledger has recorded that every destination has the end.
    """

    claim: Claim
    end: ConversationEnd
    has_own_time: bool = True
    details_attempts: int = 0
    messages: list[Message] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    untried_destinations: list[str] = field(default_factory=list)
    is_crowded_out: bool = False
    mark_error: str = ""
    claim_lost: bool = False
    done: bool = False

    @classmethod
    def from_claim(cls, claim: Claim, accepted: Accepted) -> "ClaimedEnd":
        """Return a claimed end without messages yet.

        The end gets the time in the ledger, so that it is the same at every attempt, whichever of
        its events arrives.
        """
        conversation_id, queue_id, sequence = claim.key
        ended_at = accepted.end.ended_at
        if claim.ended_at != accepted.ended_at_ms:
            ended_at = format_utc(from_epoch_ms(claim.ended_at))
        end = dataclasses.replace(
            accepted.end,
            ended_at=ended_at,
            sequence=sequence,
            end_id=make_end_id(conversation_id, queue_id, claim.ended_at),
        )
        return cls(claim, end, accepted.has_own_time, accepted.details_attempts)

    @property
    def is_open(self) -> bool:
        """Whether the end is not done, and this invocation still holds the claim."""
        return not self.done and not self.claim_lost

    def is_missing_at(self, destination: Destination) -> bool:
        return destination.name not in self.claim.delivered

    def fate(self) -> Fate:
        """Return the end's fate: the first one that applies, in the order of `Fate`."""
        if self.done:
            return "done"
        if self.claim_lost:
            return "claim_lost"
        if self.failures:
            return "destination_failed"
        if self.untried_destinations:
            return "no_time"
        return "refused" if self.refusals else "mark_failed"


def dispatch(
    ends: Sequence[ClaimedEnd],
    destinations: Sequence[Destination],
    claims: Claims,
    budget: TimeBudget,
) -> int:
    """Deliver ends to the destinations that lack them, and release the claims on unfinished ends.

    The results are recorded in `ends`. An end that fails at one destination still goes to the
    other destinations.

    Returns
    -------
    int
        The number of attempts that failed or were refused. An attempt sends one end to one
        destination.
    """
    return _Dispatch(destinations, claims, budget).run(ends)


class _Dispatch:
    def __init__(
        self, destinations: Sequence[Destination], claims: Claims, budget: TimeBudget
    ) -> None:
        self._destinations = destinations
        self._claims = claims
        self._budget = budget
        self._failed_attempts = 0

    def run(self, ends: Sequence[ClaimedEnd]) -> int:
        for destination in self._destinations:
            deadline = self._budget.next_step_deadline()
            due_ends = [end for end in ends if end.is_open and end.is_missing_at(destination)]
            if due_ends:
                self._deliver(destination, due_ends, deadline)
        # These ends have arrived everywhere, but are not marked as done: a mark failed, or a
        # destination that lacked them was removed from the settings.
        unmarked_ends = [end for end in ends if end.is_open and self._has_arrived_everywhere(end)]
        self._mark(unmarked_ends, self._budget.last_mark_deadline)
        claims_to_release = [end.claim for end in ends if end.is_open]
        if claims_to_release:
            self._claims.release(claims_to_release, self._budget.release_deadline)
        return self._failed_attempts

    def _deliver(
        self, destination: Destination, due_ends: Sequence[ClaimedEnd], deadline: Deadline
    ) -> None:
        """Send ends to a destination. Meanwhile, mark the ends that have arrived."""
        name = destination.name
        if deadline.passed():
            for claimed_end in due_ends:
                claimed_end.untried_destinations.append(name)
            return
        ends_without_receipt = dict(enumerate(due_ends))
        unmarked_ends: list[ClaimedEnd] = []
        seconds_left_at_first_unmarked = 0.0
        conversation_ends = [claimed_end.end for claimed_end in due_ends]
        try:
            for receipt in destination.deliver(conversation_ends, deadline):
                claimed_end = due_ends[receipt.position]
                ends_without_receipt.pop(receipt.position, None)
                if receipt.kind != "arrived":
                    self._record_failure(claimed_end, name, receipt)
                    continue
                claimed_end.claim.delivered.append(name)
                if not unmarked_ends:
                    seconds_left_at_first_unmarked = deadline.left()
                unmarked_ends.append(claimed_end)
                seconds_since_first_unmarked = seconds_left_at_first_unmarked - deadline.left()
                is_interval_over = (
                    seconds_since_first_unmarked >= self._budget.MARK_INTERVAL_SECONDS
                )
                is_mark_call_full = len(unmarked_ends) == self._claims.marks_per_call
                if is_interval_over or is_mark_call_full:
                    self._mark(unmarked_ends, self._budget.interim_mark_deadline())
                    unmarked_ends = []
        except Exception as error:  # noqa: BLE001 - a destination's bug must not stop the others
            self._failed_attempts += len(ends_without_receipt)
            for claimed_end in ends_without_receipt.values():
                claimed_end.failures[name] = f"{name}: {error_origin(error)}"
            ends_without_receipt.clear()
        self._mark(unmarked_ends, self._budget.interim_mark_deadline())
        has_failures = any(name in claimed_end.failures for claimed_end in due_ends)
        for claimed_end in ends_without_receipt.values():
            if has_failures:
                # The ends that failed have probably used up the time. If this end were recorded as
                # untried, it would come back at once, and probably lack time again. Recorded as
                # failed, it comes back after a delay.
                claimed_end.failures[name] = f"{name}: not tried, others took too long"
                claimed_end.is_crowded_out = True
            else:
                claimed_end.untried_destinations.append(name)

    def _record_failure(self, end: ClaimedEnd, name: str, receipt: Receipt) -> None:
        """Record that an end failed or was refused."""
        self._failed_attempts += 1
        details = end.refusals if receipt.kind == "refused" else end.failures
        details[name] = f"{name}: {receipt.detail}"

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
        return not any(end.is_missing_at(destination) for destination in self._destinations)
