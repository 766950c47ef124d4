"""The end rules, which decide from partner events that a conversation has ended in a queue.

No single partner event reports such an end. The event `customer.end` says that the customer has
left, but has no queue id. The events that have a queue id do not say whether the customer has left.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from conversations.end import SAME_END_WINDOW_MS, ConversationEnd
from conversations.failures import NO_TIME, Failed, NoTime
from conversations.fields import format_utc, from_epoch_ms
from conversations.histories import Histories, HistoryResult
from conversations.history import CustomerEnd, History
from conversations.parsed import Accepted
from conversations.partner_event import SETTLE, PartnerEvent
from deadline import Deadline

Decision = list[Accepted] | Failed | NoTime
"""The list of ends that an event completes, often empty; or why the rule could not decide."""


class EndRule(Protocol):
    """Decides which ends the events of a batch complete."""

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return a decision for each event, in order.

        An event that arrives again completes the same ends again. The ledger recognizes them.
        """


class QueueLeg:
    """A conversation ends in a queue whenever a leg in that queue is over.

    A leg is over when the customer gives up waiting in the queue, or when an agent has talked with
    the customer and leaves other than by a transfer. Each event decides on its own, without a
    history.
    """

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the end of its leg, or no end."""
        return [[_make_leg_end(event)] if _ends_leg(event) else [] for event in events]


class Touched:
    """When the customer leaves for good, the conversation ends in each queue that it has been in.

    The customer's end completes an end for each queue whose events have arrived before. A queue's
    event that arrives later completes an end for its queue. An event whose time is more than five
    minutes after the customer's end belongs to the re-opened conversation.
    """

    def __init__(self, histories: Histories) -> None:
        self._histories = histories

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the ends that it completes."""
        histories = self._histories.add(_collect_additions(events), deadline)
        return [_complete_ends(event, histories.get(event.conversation_id)) for event in events]


@dataclass(frozen=True, slots=True)
class SettlingEnd:
    """A customer's end that is settling: the rule decides on its queue later."""

    conversation_id: str
    ended_at_ms: int

    def as_event(self) -> dict[str, object]:
        """Return the settle event, which `parse_partner_event` parses."""
        detail = {"conversationId": self.conversation_id, "endedAt": self.ended_at_ms}
        return {"detail-type": SETTLE, "detail": detail}


SendLater = Callable[[Sequence[SettlingEnd], Deadline], Sequence[SettlingEnd]]
"""Sends delayed settle events for ends to the intake queue; returns the ends that it has sent."""


class LastQueue:
    """When the customer leaves for good, the conversation ends in the queue of its latest event.

    Events arrive in any order, so the rule waits before it decides. When a customer's end and a
    queue are both known, the worker sends itself a delayed settle event, and records that in the
    history. When the settle event arrives, the rule decides on the queue with the latest event. It
    records the decision in the history before the worker delivers the end. Later events therefore
    change nothing, and a settle event that arrives twice leads to the same decision.

    Parameters
    ----------
    send_later
        None if the rule decides only on settle events that are still on their way.
    """

    def __init__(self, histories: Histories, send_later: SendLater | None) -> None:
        self._histories = histories
        self._send_later = send_later

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each settle event the end in the queue decided on, and no end for others.

        If the settle event for a conversation could not be sent, its other events fail. They then
        arrive again, and the worker tries to send it again.
        """
        histories = self._histories.add(_collect_additions(events), deadline)
        settle_events = [event for event in events if event.topic == SETTLE]
        unread_ids = {event.conversation_id for event in settle_events} - histories.keys()
        histories |= self._histories.read(sorted(unread_ids), deadline)
        histories |= self._histories.add(_decide_queues(settle_events, histories), deadline)
        send_failures = self._send_settle_events(histories, deadline)
        decisions: list[Decision] = []
        for event in events:
            history = histories.get(event.conversation_id, History())
            if event.topic != SETTLE and not _adds_to_history(event):
                decisions.append([])
            elif isinstance(history, Failed | NoTime):
                decisions.append(history)
            elif event.topic == SETTLE:
                decisions.append(_find_decided_ends(event, history))
            else:
                decisions.append(send_failures.get(event.conversation_id, []))
        return decisions

    def _send_settle_events(
        self, histories: dict[str, HistoryResult], deadline: Deadline
    ) -> Mapping[str, Failed | NoTime]:
        """Send settle events for new ends, and record them; return failures by conversation id."""
        if self._send_later is None:
            return {}
        new_ends = [
            SettlingEnd(conversation_id, at_ms)
            for conversation_id, history in histories.items()
            if isinstance(history, History)
            for at_ms, end in history.ends.items()
            if not end.settling
            and end.decided_queue_id is None
            and history.latest_event_by_queue(at_ms)
        ]
        sent_ends = self._send_later(new_ends, deadline) if new_ends else []
        failure = NO_TIME if deadline.passed() else Failed("NotSent")
        additions: dict[str, History] = {}
        for sent in sent_ends:
            end = CustomerEnd(sent.ended_at_ms, settling=True)
            _merge(additions, sent.conversation_id, History(ends={sent.ended_at_ms: end}))
        # If this fails, the next event leads to a second settle event and the same decision.
        for conversation_id, history in self._histories.add(additions, deadline).items():
            if isinstance(history, History):
                histories[conversation_id] = history
        return {unsent.conversation_id: failure for unsent in {*new_ends} - {*sent_ends}}


class AfterLastQueue:
    """Applies another rule, except to the settle events that `LastQueue` has sent.

    When a deployment replaces `LastQueue`, its settle events can still be on their way. No other
    events will complete their ends, so `LastQueue` decides on them.
    """

    def __init__(self, rule: EndRule, histories: Histories) -> None:
        self._rule = rule
        self._last_queue = LastQueue(histories, send_later=None)

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return the decisions of `LastQueue` for settle events, and of the rule for others."""
        settle_events = [event for event in events if event.topic == SETTLE]
        other_events = [event for event in events if event.topic != SETTLE]
        other_decisions = iter(self._rule.decide(other_events, deadline))
        settle_decisions = iter(self._last_queue.decide(settle_events, deadline))
        return [next(settle_decisions if e.topic == SETTLE else other_decisions) for e in events]


def make_end_rule(name: str, histories: Histories, send_later: SendLater) -> EndRule:
    """Return the end rule for a value of the setting `end_rule`."""
    rules: dict[str, EndRule] = {
        "touched": AfterLastQueue(Touched(histories), histories),
        "last_queue": LastQueue(histories, send_later),
        "queue_leg": AfterLastQueue(QueueLeg(), histories),
    }
    return rules[name]


def _adds_to_history(event: PartnerEvent) -> bool:
    """Return whether an event adds to its history; a customer's transfer does not."""
    return event.queue_id is not None or event.ends_conversation


def _collect_additions(events: Iterable[PartnerEvent]) -> dict[str, History]:
    """Return the histories of these events alone, by conversation id."""
    additions: dict[str, History] = {}
    for event in events:
        if event.queue_id is not None:
            addition = History(queues={event.queue_id: (event.at_ms,)})
        elif event.ends_conversation:
            addition = History(ends={event.at_ms: _make_customer_end(event)})
        else:
            continue
        _merge(additions, event.conversation_id, addition)
    return additions


def _merge(histories: dict[str, History], conversation_id: str, addition: History) -> None:
    history = histories.get(conversation_id, History())
    histories[conversation_id] = history.merged_with(addition)


def _complete_ends(event: PartnerEvent, history: HistoryResult | None) -> Decision:
    """Return the ends that an event completes under the rule `touched`."""
    # An event that adds nothing completes nothing, even if its batch has an event that does.
    if history is None or not _adds_to_history(event):
        return []
    if isinstance(history, Failed | NoTime):
        return history
    if event.ends_conversation:
        end_times = [at_ms for at_ms in history.ends if at_ms == history.same_end_ms(event.at_ms)]
    else:
        end_times = [
            at_ms
            for at_ms, end in sorted(history.ends.items())
            if event.at_ms <= end.latest_ms + SAME_END_WINDOW_MS
        ]
    return [
        _accept(event, queue_id, at_ms, history)
        for at_ms in end_times
        for queue_id in history.latest_event_by_queue(at_ms)
        if event.queue_id in (None, queue_id)
    ]


def _decide_queues(
    settle_events: Iterable[PartnerEvent], histories: Mapping[str, HistoryResult]
) -> dict[str, History]:
    """Decide on the queues of settled ends, and return histories with these decisions to add."""
    decisions: dict[str, History] = {}
    for event in settle_events:
        history = histories.get(event.conversation_id)
        if not isinstance(history, History) or event.at_ms not in history.ends:
            continue
        end = history.ends[event.at_ms]
        queues = history.latest_event_by_queue(event.at_ms)
        if queues and not end.decided_queue_id:
            _, last_queue_id = max((at_ms, queue_id) for queue_id, at_ms in queues.items())
            decided_end = dataclasses.replace(end, decided_queue_id=last_queue_id)
            _merge(decisions, event.conversation_id, History(ends={event.at_ms: decided_end}))
    return decisions


def _find_decided_ends(event: PartnerEvent, history: History) -> list[Accepted]:
    """Return the end of a settle event in the queue decided on; empty if there is no decision."""
    end = history.ends.get(event.at_ms)
    if end is None or end.decided_queue_id is None:
        return []
    return [_accept(event, end.decided_queue_id, event.at_ms, history)]


def _ends_leg(event: PartnerEvent) -> bool:
    if event.queue_id is None:
        return False
    if event.topic == "acd.end":
        return event.acd_outcome == "ABANDON"
    return event.topic == "user.end" and not event.is_transfer and event.interacting_ms > 0


def _make_leg_end(event: PartnerEvent) -> Accepted:
    history = History(ends={event.at_ms: _make_customer_end(event)})
    return _accept(event, str(event.queue_id), event.at_ms, history)


def _make_customer_end(event: PartnerEvent) -> CustomerEnd:
    return CustomerEnd(
        latest_ms=event.at_ms,
        has_own_time=event.has_own_time,
        media_type=event.media_type,
        direction=event.direction,
        disconnect_type=event.disconnect_type,
    )


def _accept(event: PartnerEvent, queue_id: str, at_ms: int, history: History) -> Accepted:
    """Return the customer's end at a time as an end in a queue, completed by `event`."""
    customer_end = history.ends[at_ms]
    end = ConversationEnd(
        conversation_id=event.conversation_id,
        queue_id=queue_id,
        queue_name=None,
        ended_at=format_utc(from_epoch_ms(at_ms)),
        media_type=customer_end.media_type,
        direction=customer_end.direction,
        disconnect_type=customer_end.disconnect_type,
        participants=[],
        metrics=[],
        source="eventbridge",
        sequence=1,
        raw=event.raw,
    )
    return Accepted(end, at_ms, customer_end.has_own_time)
