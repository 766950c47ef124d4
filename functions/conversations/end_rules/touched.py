"""The end rule `touched`."""

from collections.abc import Sequence

from conversations.end_rules.additions import adds_to_history, collect_additions, find_completed
from conversations.end_rules.end_rule import Decision, accept_end
from conversations.histories import Histories, HistoryResult
from conversations.history import History
from conversations.partner_event import PartnerEvent
from deadline import Deadline


class Touched:
    """The rule `touched`: a conversation ends in each queue that it has been in.

    The conversation ends when the customer leaves for good. When `customer.end` arrives, it
    completes an end in each queue that the conversation has been in since its previous end. When
    an event of a queue arrives after `customer.end`, it completes the end in its queue.
    """

    def __init__(self, histories: Histories) -> None:
        self._histories = histories

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the ends that it completes."""
        histories = self._histories.add(collect_additions(events), deadline)
        return [_complete_ends(event, histories.get(event.conversation_id)) for event in events]


def _complete_ends(event: PartnerEvent, history: HistoryResult | None) -> Decision:
    # An event that adds nothing to the history completes no end, whatever the history contains.
    if history is None or not adds_to_history(event):
        return []
    if not isinstance(history, History):
        return history
    return [
        accept_end(event, queue_id, ended_at_ms, history.customer_ends[ended_at_ms])
        for ended_at_ms, queue_id in find_completed(event, history)
    ]
