"""The search for an end's item among the items of the same conversation and queue.

An item has a span: the times that its events have reported so far. An end belongs to the item that
has recorded exactly the end's time. If there is none, the end belongs to the item whose span is
nearest, at most five minutes away; of two equally near items, it belongs to the one with the lower
sequence. If no item is that near, the end is new and gets an item with the next sequence.

Unless an item has exactly the end's time, the search reads all items before it chooses. Otherwise,
a first item whose span has grown could absorb an event that belongs to a second item. If that event
is the last one to report the second item's end, the second end would be lost.
"""

from collections.abc import Mapping, Sequence

from conversations.claim import Claim, ClaimResult
from conversations.end import SAME_END_WINDOW_MS
from conversations.failures import OUT_OF_TIME, Failed
from conversations.ledger_store import Absent, EndKey, RecordedEnd, Span
from conversations.parsed import Accepted

# How many items a search reads at once if the end is not that of the first item.
READ_AHEAD = 4


class EndSearch:
    """The search for an end's item.

    Parameters
    ----------
    claims
        This invocation's claims on ends of the same conversation and queue, keyed by sequence. They
        stand in for their items, because their spans can be newer.

    Attributes
    ----------
    claims
        As in the parameters. `hold` adds the claim on the end.
    sequences_to_read
        The sequences of the items to read next. If there are none, the item can be chosen.
    result
        The result of claiming the end; `OUT_OF_TIME` until the result is known.
    """

    __slots__ = ("_all_read", "_items", "accepted", "claims", "result", "sequences_to_read")

    def __init__(self, accepted: Accepted, claims: dict[int, Claim]) -> None:
        self.accepted = accepted
        self.claims = claims
        self.result: ClaimResult = OUT_OF_TIME
        self.sequences_to_read: Sequence[int] = ()
        self._items: dict[int, RecordedEnd] = {}
        self._all_read = False
        self._find_sequences_to_read()

    def key_with(self, sequence: int) -> EndKey:
        return EndKey(self.accepted.end.conversation_id, self.accepted.end.queue_id, sequence)

    @property
    def keys_to_read(self) -> list[EndKey]:
        return [self.key_with(sequence) for sequence in self.sequences_to_read]

    def add(self, items: Mapping[EndKey, RecordedEnd | Absent | Failed]) -> Failed | None:
        """Add the items with `keys_to_read`; return a failure if one could not be read."""
        for sequence in self.sequences_to_read:
            item = items[self.key_with(sequence)]
            if isinstance(item, Failed):
                return item
            if isinstance(item, Absent):
                self._items.pop(sequence, None)
                self._all_read = True
                break
            self._items[sequence] = item
        self._find_sequences_to_read()
        return None

    def choose(self) -> tuple[int, Claim | RecordedEnd | None]:
        """Return the sequence of the end's item, and the item; None if the end is new."""
        candidates = self._candidates()
        if not self.accepted.has_own_time:
            # Without a time of its own, the end is taken to be the first one.
            return 1, candidates.get(1)
        at_ms = self.accepted.ended_at_ms
        ranks = [
            (item.ended_at != at_ms, distance_ms, sequence)
            for sequence, item in candidates.items()
            if (distance_ms := item.span.distance_to(at_ms)) <= SAME_END_WINDOW_MS
        ]
        if not ranks:
            return self._next_sequence(), None
        *_, sequence = min(ranks)
        return sequence, candidates[sequence]

    def hold(self, claim: Claim) -> None:
        """Set the result to a claim that this invocation holds; extend the claim's span."""
        sequence = claim.key.sequence
        self.result = self.claims[sequence] = claim
        times = [item.ended_at for item in self._candidates().values()]
        claim.previous_end_at = max((at for at in times if at < claim.ended_at), default=None)
        if self.extends(claim.span):
            claim.extend_span(self.accepted.ended_at_ms)

    def awaits_details(self, item: RecordedEnd) -> bool:
        """Return whether a delayed message with more attempts will deliver the end of an item.

        The span of the item must not change, because this message will not record a longer one.
        """
        has_successor = item.details_attempts > self.accepted.details_attempts
        return has_successor and not self.extends(item.span)

    def extends(self, span: Span) -> bool:
        """Return whether the end has a time of its own, and this time is outside a span."""
        is_inside = span.earliest_at <= self.accepted.ended_at_ms <= span.latest_at
        return self.accepted.has_own_time and not is_inside

    def read_again(self, sequence: int) -> None:
        """Read an item before choosing again, because a write to it has taken effect or failed."""
        if sequence in self._items:
            self.sequences_to_read = (sequence,)
        else:
            # Another invocation has created this item, and perhaps further ones.
            self._all_read = False
            self._find_sequences_to_read()

    def _find_sequences_to_read(self) -> None:
        first = self._next_sequence()
        if self._all_read or self._is_found():
            self.sequences_to_read = ()
        elif first == 1:
            # Few conversations have a second item, so the first item is read alone.
            self.sequences_to_read = (1,)
        else:
            self.sequences_to_read = range(first, first + READ_AHEAD)

    def _is_found(self) -> bool:
        candidates, accepted = self._candidates(), self.accepted
        if not accepted.has_own_time:
            return 1 in candidates
        return any(item.ended_at == accepted.ended_at_ms for item in candidates.values())

    def _next_sequence(self) -> int:
        """Return the lowest sequence without a known item."""
        sequence = 1
        while sequence in self._items or sequence in self.claims:
            sequence += 1
        return sequence

    def _candidates(self) -> dict[int, Claim | RecordedEnd]:
        return {**self._items, **self.claims}
