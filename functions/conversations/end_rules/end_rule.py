"""The interface of an end rule.

No single event reports both the queue and the customer's end: `customer.end` has no queue id, and
the events that have a queue id do not say whether the customer has left for good.
docs/genesys.md states each rule exactly.
"""

from collections.abc import Sequence
from typing import Protocol

from conversations.end import ConversationEnd, make_end_id
from conversations.failures import Failed, OutOfTime
from conversations.fields import format_utc, from_epoch_ms
from conversations.history import CustomerEnd
from conversations.parsed import Accepted
from conversations.partner_event import PartnerEvent
from deadline import Deadline

Decision = list[Accepted] | Failed | OutOfTime
"""The ends that an event completes (often none), or the reason why the rule could not decide."""


class EndRule(Protocol):
    """Decides which ends the events of a batch complete."""

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return a decision for each event, in order.

        An event that arrives twice completes its ends twice. The ledger recognizes the duplicates.
        """


def accept_end(
    event: PartnerEvent, queue_id: str, ended_at_ms: int, cause: CustomerEnd | PartnerEvent
) -> Accepted:
    """Return an end that `event` completes. `cause` gives the media type and similar values."""
    end = ConversationEnd(
        conversation_id=event.conversation_id,
        queue_id=queue_id,
        queue_name=None,
        ended_at=format_utc(from_epoch_ms(ended_at_ms)),
        media_type=cause.media_type,
        direction=cause.direction,
        disconnect_type=cause.disconnect_type,
        participants=[],
        metrics=[],
        source="eventbridge",
        sequence=1,
        end_id=make_end_id(event.conversation_id, queue_id, ended_at_ms),
        details="none",
        conversation_start=None,
        raw=event.raw,
    )
    return Accepted(end, ended_at_ms, cause.has_own_time)
