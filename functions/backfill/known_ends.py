"""Finds out which expected ends the ledger has.

The times of events and of analytics differ a little. So an end is known if the ledger has an end
within five minutes of it. It is also known if the ledger has an end at any time of the stay in the
queue, unless this is the ledger's record of another expected end.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from backfill.expected_ends import ExpectedEnd
from conversations.end import SAME_END_WINDOW_MS
from conversations.failures import Failed
from conversations.ledger_store import Absent, EndKey, RecordedEnd, Span
from deadline import Deadline

Spans = Mapping[str, Sequence[Span]]
"""The spans of a conversation's ends in the ledger, keyed by queue id."""


class LedgerUnreadable(Exception):
    """The ledger did not answer, so nobody knows which ends are missing."""


class ReadsEnds(Protocol):
    """Reads ends from the ledger, as `dynamodb.reads.TableReader` does."""

    def read_ends(
        self, keys: Sequence[EndKey], deadline: Deadline
    ) -> Mapping[EndKey, RecordedEnd | Absent | Failed]:
        """Return the ends' current items, keyed by `EndKey`."""


def read_spans(
    ledger: ReadsEnds, ends: Iterable[ExpectedEnd], deadline: Deadline
) -> dict[str, Spans]:
    """Return the spans of the conversations' ends in the ledger, keyed by conversation id.

    An end that is claimed and not done counts, too: its message comes back until it is.

    Raises
    ------
    LedgerUnreadable
        An item could not be read.
    """
    keys = sorted({EndKey(end.conversation_id, id_) for end in ends for id_ in end.known_in})
    spans: defaultdict[str, defaultdict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    while keys:
        next_keys: list[EndKey] = []
        for key, item in ledger.read_ends(keys, deadline).items():
            if isinstance(item, Failed):
                raise LedgerUnreadable(f"The ledger could not be read ({item.error}).")
            if isinstance(item, RecordedEnd):
                spans[key.conversation_id][key.queue_id].append(item.span)
                next_keys.append(key._replace(sequence=key.sequence + 1))
        keys = next_keys
    return {conversation_id: dict(of_queues) for conversation_id, of_queues in spans.items()}


def find_missing(ends: Sequence[ExpectedEnd], spans: Spans) -> list[ExpectedEnd]:
    """Return the expected ends of one conversation that the ledger does not have, in order.

    Parameters
    ----------
    ends
        All expected ends of the conversation, in order of time.
    spans
        The conversation's ends in the ledger.
    """
    unused = {(queue_id, span) for queue_id, found in spans.items() for span in found}
    unknown = []
    for end in ends:
        near = [one for one in _candidates(end, spans) if _is_near(one[1], end)]
        unused.difference_update(near)
        if not near:
            unknown.append(end)
    missing = []
    for end in unknown:
        others = [
            one for one in _candidates(end, spans) if one in unused and _is_within(one[1], end)
        ]
        if others:
            unused.remove(min(others, key=lambda one: one[1].distance_to(end.ended_at_ms)))
        else:
            missing.append(end)
    return missing


def _candidates(end: ExpectedEnd, spans: Spans) -> list[tuple[str, Span]]:
    return [(id_, span) for id_ in sorted(end.known_in) for span in spans.get(id_, ())]


def _is_near(span: Span, end: ExpectedEnd) -> bool:
    return (
        span.latest_at >= end.span.earliest_at - SAME_END_WINDOW_MS
        and span.earliest_at <= end.span.latest_at + SAME_END_WINDOW_MS
    )


def _is_within(span: Span, end: ExpectedEnd) -> bool:
    """Return whether a span touches the time from the entry into the queue to the end."""
    return (
        span.latest_at >= end.began_ms - SAME_END_WINDOW_MS
        and span.earliest_at <= end.span.latest_at + SAME_END_WINDOW_MS
    )
