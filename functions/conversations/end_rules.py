"""The end rules, which decide from partner events whether a conversation has ended in a queue.

No single event reports both the queue and the customer's end: `customer.end` has no queue id, and
the events that have a queue id do not say whether the customer has left for good.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from conversations.end import SAME_END_WINDOW_MS, ConversationEnd
from conversations.failures import OUT_OF_TIME, Failed, OutOfTime
from conversations.fields import format_utc, from_epoch_ms
from conversations.histories import Histories, HistoryResult
from conversations.history import CustomerEnd, History
from conversations.parsed import Accepted
from conversations.partner_event import SETTLE, PartnerEvent
from deadline import Deadline

Decision = list[Accepted] | Failed | OutOfTime
"""The ends that an event completes (often none), or the reason why the rule could not decide."""


class EndRule(Protocol):
    """Decides which ends the events of a batch complete."""

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return a decision for each event, in order; a repeated event completes its ends again."""


class QueueLeg:
    """The rule `queue_leg`: a conversation ends in a queue whenever a leg in that queue is over.

    A leg is over when the customer gives up waiting in the queue, or when an agent who has talked
    with the customer leaves without a transfer. Either way, a single event completes the end.
    """

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event a list with the end that it completes, or an empty list."""
        return [_find_leg_ends(event) for event in events]


class Touched:
    """The rule `touched`: a conversation ends in each queue that it has been in.

    The conversation ends when the customer leaves for good. When `customer.end` arrives, it
    completes an end in each queue whose events have arrived before. When a queue's event arrives
    after `customer.end`, it completes the end in its queue. A queue's event more than five minutes
    after the last `customer.end` that reports this belongs to the re-opened conversation.
    """

    def __init__(self, histories: Histories) -> None:
        self._histories = histories

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the ends that it completes."""
        histories = self._histories.add(_collect_additions(events), deadline)
        return [_complete_ends(event, histories.get(event.conversation_id)) for event in events]


@dataclass(frozen=True, slots=True)
class SettlingEnd:
    """A customer's end for which the rule `last_queue` will choose a queue later."""

    conversation_id: str
    ended_at_ms: int

    def as_event(self) -> dict[str, object]:
        """Return the settle event, which `parse_partner_event` parses."""
        detail = {"conversationId": self.conversation_id, "endedAt": self.ended_at_ms}
        return {"detail-type": SETTLE, "detail": detail}


SendLater = Callable[[Sequence[SettlingEnd], Deadline], Sequence[SettlingEnd]]
"""Sends a delayed settle event for each `SettlingEnd`; returns those whose event was sent."""


class LastQueue:
    """The rule `last_queue`: a conversation ends in the queue that has the latest event.

    The conversation ends when the customer leaves for good. Events arrive in any order, so the rule
    waits before it decides. As soon as a history has a customer's end and a queue, the worker sends
    itself a delayed settle event, and records this in the history. When the settle event arrives,
    the rule chooses the queue that has the latest event. It records its decision in the history
    before the worker delivers the end. Events that arrive later therefore change nothing, and a
    settle event that arrives twice leads to the same decision.

    If `send_later` is None, the rule sends no settle events (see `SuccessorRule`).
    """

    def __init__(self, histories: Histories, send_later: SendLater | None) -> None:
        self._histories = histories
        self._send_later = send_later

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the ends that it completes. Only settle events complete ends.

        If a conversation's settle event cannot be sent, the events that called for it fail. They
        arrive again later, and the worker then tries again to send the settle event.
        """
        histories = self._histories.add(_collect_additions(events), deadline)
        settle_events = [event for event in events if event.topic == SETTLE]
        ids_to_read = {event.conversation_id for event in settle_events} - histories.keys()
        histories |= self._histories.read(sorted(ids_to_read), deadline)
        histories |= self._histories.add(_choose_queues(settle_events, histories), deadline)
        send_failures = self._send_settle_events(histories, deadline)
        decisions: list[Decision] = []
        for event in events:
            history = histories.get(event.conversation_id, History())
            if event.topic != SETTLE and not _adds_to_history(event):
                decisions.append([])
            elif isinstance(history, Failed | OutOfTime):
                decisions.append(history)
            elif event.topic == SETTLE:
                decisions.append(_find_decided_ends(event, history))
            else:
                decisions.append(send_failures.get(event.conversation_id, []))
        return decisions

    def _send_settle_events(
        self, histories: dict[str, HistoryResult], deadline: Deadline
    ) -> Mapping[str, Failed | OutOfTime]:
        """Send the missing settle events; record in the store and in `histories` which were sent.

        Return a failure, keyed by conversation id, for each settle event that was not sent.
        """
        if self._send_later is None:
            return {}
        new_ends = [
            SettlingEnd(conversation_id, ended_at_ms)
            for conversation_id, history in histories.items()
            if isinstance(history, History)
            for ended_at_ms, end in history.customer_ends.items()
            if not end.settling
            and end.decided_queue_id is None
            and history.latest_event_ms_by_queue(ended_at_ms)
        ]
        sent_ends = self._send_later(new_ends, deadline) if new_ends else []
        failure = OUT_OF_TIME if deadline.passed() else Failed("NotSent")
        additions: dict[str, History] = {}
        for sent in sent_ends:
            end = CustomerEnd(latest_report_ms=sent.ended_at_ms, settling=True)
            addition = History(customer_ends={sent.ended_at_ms: end})
            _merge_into(additions, sent.conversation_id, addition)
        # If this write fails, the conversation's next event causes a second settle event, which
        # leads to the same decision.
        for conversation_id, history in self._histories.add(additions, deadline).items():
            if isinstance(history, History):
                histories[conversation_id] = history
        return {unsent.conversation_id: failure for unsent in {*new_ends} - {*sent_ends}}


class SuccessorRule:
    """Lets `LastQueue` decide on the settle events, and another rule on all other events.

    When a deployment replaces `LastQueue` with another rule, settle events can still be on their
    way. The new rule alone would lose their ends.
    """

    def __init__(self, rule: EndRule, histories: Histories) -> None:
        self._rule = rule
        self._last_queue = LastQueue(histories, send_later=None)

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return a decision for each event, in order."""
        settle_events = [event for event in events if event.topic == SETTLE]
        other_events = [event for event in events if event.topic != SETTLE]
        other_decisions = iter(self._rule.decide(other_events, deadline))
        settle_decisions = iter(self._last_queue.decide(settle_events, deadline))
        return [next(settle_decisions if e.topic == SETTLE else other_decisions) for e in events]


def make_end_rule(name: str, histories: Histories, send_later: SendLater) -> EndRule:
    """Return the end rule for a value of the setting `end_rule`."""
    rules: dict[str, EndRule] = {
        "touched": SuccessorRule(Touched(histories), histories),
        "last_queue": LastQueue(histories, send_later),
        "queue_leg": SuccessorRule(QueueLeg(), histories),
    }
    return rules[name]


def _adds_to_history(event: PartnerEvent) -> bool:
    """Return whether an event has what a history records: a queue or a customer's end."""
    return event.queue_id is not None or event.ends_conversation


def _collect_additions(events: Iterable[PartnerEvent]) -> dict[str, History]:
    """Return what events add to the histories, keyed by conversation id."""
    additions: dict[str, History] = {}
    for event in events:
        if event.queue_id is not None:
            addition = History(queues={event.queue_id: (event.at_ms,)})
        elif event.ends_conversation:
            addition = History(customer_ends={event.at_ms: _make_customer_end(event)})
        else:
            continue
        _merge_into(additions, event.conversation_id, addition)
    return additions


def _merge_into(histories: dict[str, History], conversation_id: str, addition: History) -> None:
    history = histories.get(conversation_id, History())
    histories[conversation_id] = history.merged_with(addition)


def _complete_ends(event: PartnerEvent, history: HistoryResult | None) -> Decision:
    """Return the ends that an event completes under the rule `touched`."""
    # An event that adds nothing to the history completes no end, whatever the history contains.
    if history is None or not _adds_to_history(event):
        return []
    if isinstance(history, Failed | OutOfTime):
        return history
    if event.ends_conversation:
        ended_at_ms = history.find_customer_end_ms(event.at_ms)
        end_times = [] if ended_at_ms is None else [ended_at_ms]
    else:
        end_times = [
            ended_at_ms
            for ended_at_ms, end in sorted(history.customer_ends.items())
            if event.at_ms <= end.latest_report_ms + SAME_END_WINDOW_MS
        ]
    return [
        _accept(event, queue_id, ended_at_ms, history.customer_ends[ended_at_ms])
        for ended_at_ms in end_times
        for queue_id in history.latest_event_ms_by_queue(ended_at_ms)
        if event.queue_id in (None, queue_id)  # `customer.end` has no queue id
    ]


def _choose_queues(
    settle_events: Iterable[PartnerEvent], histories: Mapping[str, HistoryResult]
) -> dict[str, History]:
    """Choose queues for settle events; return the additions to histories, by conversation id."""
    additions: dict[str, History] = {}
    for event in settle_events:
        history = histories.get(event.conversation_id)
        if not isinstance(history, History) or event.at_ms not in history.customer_ends:
            continue
        end = history.customer_ends[event.at_ms]
        latest_ms_by_queue = history.latest_event_ms_by_queue(event.at_ms)
        if latest_ms_by_queue and not end.decided_queue_id:
            _, last_queue_id = max((ms, queue_id) for queue_id, ms in latest_ms_by_queue.items())
            decided_end = dataclasses.replace(end, decided_queue_id=last_queue_id)
            addition = History(customer_ends={event.at_ms: decided_end})
            _merge_into(additions, event.conversation_id, addition)
    return additions


def _find_decided_ends(event: PartnerEvent, history: History) -> list[Accepted]:
    """Return a list with the settle event's end; an empty list if no queue has been chosen."""
    end = history.customer_ends.get(event.at_ms)
    if end is None or end.decided_queue_id is None:
        return []
    return [_accept(event, end.decided_queue_id, event.at_ms, end)]


def _find_leg_ends(event: PartnerEvent) -> list[Accepted]:
    if event.topic == "acd.end":
        is_over = event.acd_outcome == "ABANDON"
    else:
        is_over = event.topic == "user.end" and not event.is_transfer and event.interacting_ms > 0
    if event.queue_id is None or not is_over:
        return []
    return [_accept(event, event.queue_id, event.at_ms, event)]


def _make_customer_end(event: PartnerEvent) -> CustomerEnd:
    return CustomerEnd(
        latest_report_ms=event.at_ms,
        has_own_time=event.has_own_time,
        media_type=event.media_type,
        direction=event.direction,
        disconnect_type=event.disconnect_type,
    )


def _accept(
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
        sequence=1,  # The ledger determines this and the next one.
        end_id="",
        raw=event.raw,
    )
    return Accepted(end, ended_at_ms, cause.has_own_time)
