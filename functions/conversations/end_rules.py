"""End rules of the EventBridge integration: which events make a conversation end in a queue.

No event of Genesys Cloud says that a conversation has ended in a queue. The customer's end does not
name the queue, and the events that name a queue do not say that the customer is gone. A rule
decides.
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
"""The ends that an event fires, none if it was only noted; or why nothing could be decided."""


class EndRule(Protocol):
    """Decides which ends a batch of events fires."""

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return a decision for each event.

        An event that comes again fires the same ends again: the ledger knows them.
        """


class QueueLeg:
    """A leg in a queue is over: the customer gave up there, or an agent from there is done.

    Each event decides for itself.
    """

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the end of its leg, if it is one."""
        return [[_end_of_leg(event)] if _ends_leg(event) else [] for event in events]


class Touched:
    """The customer has left for good, and the conversation has been in the queue.

    Either event may come first; the second one fires. Each end fires in every queue that has an
    event dated no later than five minutes after it.
    """

    def __init__(self, histories: Histories) -> None:
        self._histories = histories

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the ends that it completes."""
        histories = self._histories.add(_additions(events), deadline)
        return [_completed_ends(event, histories.get(event.conversation_id)) for event in events]


@dataclass(frozen=True, slots=True)
class SettlingEnd:
    """An end to be decided on after a while: its conversation and its time, epoch milliseconds."""

    conversation_id: str
    ended_at_ms: int

    def as_event(self) -> dict[str, object]:
        """Return the event that the worker sends itself; `conversations.partner_event` reads it."""
        detail = {"conversationId": self.conversation_id, "endedAt": self.ended_at_ms}
        return {"detail-type": SETTLE, "detail": detail}


SendLater = Callable[[Sequence[SettlingEnd], Deadline], Sequence[SettlingEnd]]
"""Sends the worker messages that arrive when ends have settled; returns the ends of those sent."""


class LastQueue:
    """The customer has left for good: the conversation ends in the queue of its latest event.

    Events arrive in any order, so the rule decides after a while. Once an end and a queue are both
    known, the worker sends itself a delayed message, and notes that it has. It writes the decision
    down before it acts on it: later events change nothing, and a message that comes twice decides
    the same.
    """

    def __init__(self, histories: Histories, send_later: SendLater | None) -> None:
        self._histories = histories
        self._send_later = send_later

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event that ends the wait the end in the queue decided on."""
        histories = self._histories.add(_additions(events), deadline)
        settled = [event for event in events if event.topic == SETTLE]
        unread = {event.conversation_id for event in settled} - histories.keys()
        histories |= self._histories.read(sorted(unread), deadline)
        histories |= self._histories.add(_decisions(settled, histories), deadline)
        unsent = self._wait(histories, deadline)
        decisions: list[Decision] = []
        for event in events:
            history = histories.get(event.conversation_id, History())
            if event.topic != SETTLE and not _adds(event):
                decisions.append([])
            elif isinstance(history, Failed | NoTime):
                decisions.append(history)
            elif event.topic == SETTLE:
                decisions.append(_decided_end(event, history))
            else:
                decisions.append(unsent.get(event.conversation_id, []))
        return decisions

    def _wait(
        self, histories: dict[str, HistoryResult], deadline: Deadline
    ) -> Mapping[str, Failed | NoTime]:
        """Send the messages that decide later; return by conversation why one was not sent."""
        if self._send_later is None:
            return {}
        due = [
            SettlingEnd(conversation_id, at_ms)
            for conversation_id, history in histories.items()
            if isinstance(history, History)
            for at_ms, end in history.ends.items()
            if not end.settling
            and end.decided_queue_id is None
            and history.latest_event_by_queue(at_ms)
        ]
        sent = self._send_later(due, deadline) if due else []
        failure = NO_TIME if deadline.passed() else Failed("NotSent")
        unsent = {settling.conversation_id: failure for settling in {*due} - {*sent}}
        marks: dict[str, History] = {}
        for settling in sent:
            mark = CustomerEnd(settling.ended_at_ms, settling=True)
            _merge(marks, settling.conversation_id, History(ends={settling.ended_at_ms: mark}))
        # A mark that fails makes for a second message, which decides the same.
        for conversation_id, marked in self._histories.add(marks, deadline).items():
            if isinstance(marked, History):
                histories[conversation_id] = marked
        return unsent


class AfterLastQueue:
    """A rule that may have taken the place of `LastQueue`, and still decides on its settling ends.

    The events of these ends are gone: only the messages that settle them will tell of them.
    """

    def __init__(self, rule: EndRule, histories: Histories) -> None:
        self._rule = rule
        self._last_queue = LastQueue(histories, send_later=None)

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the decision of the rule that it belongs to."""
        settled = [event for event in events if event.topic == SETTLE]
        others = [event for event in events if event.topic != SETTLE]
        of_others = iter(self._rule.decide(others, deadline))
        of_settled = iter(self._last_queue.decide(settled, deadline))
        return [next(of_settled if e.topic == SETTLE else of_others) for e in events]


def make_end_rule(name: str, histories: Histories, send_later: SendLater) -> EndRule:
    """Return the rule that the setting `end_rule` names."""
    rules: dict[str, EndRule] = {
        "touched": AfterLastQueue(Touched(histories), histories),
        "last_queue": LastQueue(histories, send_later),
        "queue_leg": AfterLastQueue(QueueLeg(), histories),
    }
    return rules[name]


def _adds(event: PartnerEvent) -> bool:
    """Return whether an event adds to a history; a customer's transfer does not."""
    return event.queue_id is not None or event.ends_conversation


def _additions(events: Iterable[PartnerEvent]) -> dict[str, History]:
    """Return by conversation all that events add to its history."""
    additions: dict[str, History] = {}
    for event in events:
        if event.queue_id is not None:
            addition = History(queues={event.queue_id: (event.at_ms,)})
        elif event.ends_conversation:
            addition = History(ends={event.at_ms: _customer_end(event)})
        else:
            continue
        _merge(additions, event.conversation_id, addition)
    return additions


def _merge(histories: dict[str, History], conversation_id: str, addition: History) -> None:
    history = histories.get(conversation_id, History())
    histories[conversation_id] = history.merged_with(addition)


def _completed_ends(event: PartnerEvent, history: HistoryResult | None) -> Decision:
    # An event that adds nothing fires nothing, whichever neighbours it has in its batch.
    if history is None or not _adds(event):
        return []
    if isinstance(history, Failed | NoTime):
        return history
    ends = sorted(history.ends)
    if event.ends_conversation:
        ends = [at_ms for at_ms in ends if at_ms == history.same_end_ms(event.at_ms)]
    else:  # the ends that it can complete; the others did not wait for it
        ends = [
            at_ms
            for at_ms in ends
            if event.at_ms <= history.ends[at_ms].latest_ms + SAME_END_WINDOW_MS
        ]
    return [
        _accepted(event, queue_id, at_ms, history)
        for at_ms in ends
        for queue_id in history.latest_event_by_queue(at_ms)
        if event.queue_id in (None, queue_id)
    ]


def _decisions(
    settled: Iterable[PartnerEvent], histories: Mapping[str, HistoryResult]
) -> dict[str, History]:
    """Return by conversation the decisions on its settled ends: the queue of the latest event."""
    decisions: dict[str, History] = {}
    for event in settled:
        history = histories.get(event.conversation_id)
        if not isinstance(history, History) or event.at_ms not in history.ends:
            continue
        end = history.ends[event.at_ms]
        queues = history.latest_event_by_queue(event.at_ms)
        if queues and not end.decided_queue_id:
            _, last = max((at_ms, queue_id) for queue_id, at_ms in queues.items())
            decided = dataclasses.replace(end, decided_queue_id=last)
            _merge(decisions, event.conversation_id, History(ends={event.at_ms: decided}))
    return decisions


def _decided_end(event: PartnerEvent, history: History) -> list[Accepted]:
    end = history.ends.get(event.at_ms)
    if end is None or end.decided_queue_id is None:
        return []
    return [_accepted(event, end.decided_queue_id, event.at_ms, history)]


def _ends_leg(event: PartnerEvent) -> bool:
    if event.queue_id is None:
        return False
    if event.topic == "acd.end":
        return event.acd_outcome == "ABANDON"
    return event.topic == "user.end" and not event.is_transfer and event.interacting_ms > 0


def _end_of_leg(event: PartnerEvent) -> Accepted:
    history = History(ends={event.at_ms: _customer_end(event)})
    return _accepted(event, str(event.queue_id), event.at_ms, history)


def _customer_end(event: PartnerEvent) -> CustomerEnd:
    return CustomerEnd(
        latest_ms=event.at_ms,
        has_own_time=event.has_own_time,
        media_type=event.media_type,
        direction=event.direction,
        disconnect_type=event.disconnect_type,
    )


def _accepted(event: PartnerEvent, queue_id: str, at_ms: int, history: History) -> Accepted:
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
