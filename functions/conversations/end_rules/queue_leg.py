"""The end rule `queue_leg`."""

from collections.abc import Sequence

from conversations.end_rules.end_rule import Decision, accept_end
from conversations.parsed import Accepted
from conversations.partner_event import PartnerEvent
from deadline import Deadline


class QueueLeg:
    """The rule `queue_leg`: a conversation ends in a queue whenever a leg in that queue is over.

    A leg is over when the customer gives up waiting in the queue, or when an agent who has talked
    with the customer leaves without a transfer. Either way, a single event completes the end.
    """

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event a list with the end that it completes, or an empty list."""
        return [_find_leg_ends(event) for event in events]


def is_leg_end(event: PartnerEvent) -> bool:
    """Return whether an event says that a leg is over."""
    if event.topic == "acd.end":
        return event.acd_outcome == "ABANDON"
    return event.agent_talked and not event.is_transfer


def _find_leg_ends(event: PartnerEvent) -> list[Accepted]:
    if event.queue_id is None or not is_leg_end(event):
        return []
    return [accept_end(event, event.queue_id, event.at_ms, event)]
