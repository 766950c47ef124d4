"""The end rule `touched`."""

from collections.abc import Sequence

from conversations.end_rules.additions import (
    adds_to_history,
    collect_additions,
    to_queue_event,
)
from conversations.end_rules.end_rule import Decision, accept_end
from conversations.end_rules.stays import find_counting_stays
from conversations.histories import Histories, HistoryResult
from conversations.history import History, QueueEvent
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


def find_completed(event: PartnerEvent, history: History) -> list[tuple[int, str]]:
    """Return the ends that an event completes, by the rule `touched`, in order.

    Returns
    -------
    list[tuple[int, str]]
        The time of a customer's end, in epoch milliseconds, and the id of a queue.
    """
    if event.queue_id is None:
        if event.at_ms not in history.completable_end_times():
            return []  # The history may have forgotten the end before this one, or this one, too.
        return [
            (event.at_ms, queue_id)
            for queue_id, events in sorted(history.queues.items())
            if find_counting_stays(history, events, event.at_ms)
        ]
    own = to_queue_event(event)
    events: Sequence[QueueEvent] = history.queues.get(event.queue_id, ())
    if own not in events:
        # The history has dropped this event: the queue has too many later ones, or the customer's
        # end that followed the event has expired.
        events = sorted((*events, own))
    return [
        (ended_at_ms, event.queue_id)
        for ended_at_ms in history.completable_end_times()
        for stays in [find_counting_stays(history, events, ended_at_ms)]
        if any(own in (stay.event, stay.start) for stay in stays)
    ]


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
