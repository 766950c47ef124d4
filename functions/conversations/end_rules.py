"""End rules of the EventBridge integration: which events make a conversation end in a queue.

No event of Genesys Cloud says that a conversation has ended in a queue: the customer's end does not
name the queue, and the events that name one do not say that the customer is gone. A rule decides.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from conversations.end import ConversationEnd
from conversations.fields import from_ms, iso
from conversations.history import CustomerEnd, Histories, History, Unknown
from conversations.ledger import SAME_END_MS
from conversations.parsed import Accepted
from conversations.partner_event import SETTLE, PartnerEvent
from deadline import Deadline

Decision = list[Accepted] | Unknown
"""The ends that a signal fires, none if it was only noted; or why that cannot be told."""


class EndRule(Protocol):
    """Decides which ends a batch of signals fires."""

    def decide(self, signals: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each signal the ends that it fires.

        A signal that comes again fires the same ends again: the ledger knows them.
        """


class QueueLeg:
    """A leg in a queue is over: abandoned there, or done with by an agent who had it from there.

    Stateless: each event decides for itself.
    """

    def decide(self, signals: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each signal the end of its leg, if it is one."""
        return [[_end_of_leg(signal)] if _ends_leg(signal) else [] for signal in signals]


class Touched:
    """The customer has left for good, and the conversation has been in the queue.

    Whichever of the two events comes second fires; each end fires in every queue that has an event
    dated no later than five minutes after it.
    """

    def __init__(self, joins: Histories) -> None:
        self._joins = joins

    def decide(self, signals: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each signal the ends that it completes."""
        known = self._joins.add(_news(signals), deadline)
        return [_touched(signal, known.get(signal.conversation_id)) for signal in signals]


@dataclass(frozen=True, slots=True)
class Settling:
    """An end to be decided on after a while: its conversation and its time, epoch milliseconds."""

    conversation_id: str
    ended_at_ms: int

    def as_event(self) -> dict[str, object]:
        """Return it as the event that `conversations.partner_event` reads."""
        detail = {"conversationId": self.conversation_id, "endedAt": self.ended_at_ms}
        return {"detail-type": SETTLE, "detail": detail}


Later = Callable[[Sequence[Settling], Deadline], Sequence[Settling]]
"""Sends the worker messages that come back after settling; returns those that were sent."""


class LastQueue:
    """The customer has left for good: the conversation ends in the queue of its latest event.

    Events arrive in any order, so that this is decided after a while. When both an end and a queue
    are known, the worker sends itself a delayed message, and remembers that it has. The decision is
    written down before it is acted on: later events change nothing, and a message that comes twice
    decides the same.
    """

    def __init__(self, joins: Histories, later: Later | None) -> None:
        self._joins = joins
        self._later = later

    def decide(self, signals: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each signal that ends the wait the end in the queue that it came to."""
        known = self._joins.add(_news(signals), deadline)
        settled = [signal for signal in signals if signal.topic == SETTLE]
        asked = {signal.conversation_id for signal in settled} - known.keys()
        known |= self._joins.look(sorted(asked), deadline)
        known |= self._joins.add(_decisions(settled, known), deadline)
        unsent = self._wait(known, deadline)
        verdicts: list[Decision] = []
        for signal in signals:
            of_conversation = known.get(signal.conversation_id)
            if signal.topic != SETTLE and not _is_news(signal):
                verdicts.append([])
            elif isinstance(of_conversation, Unknown):
                verdicts.append(of_conversation)
            elif signal.topic == SETTLE:
                verdicts.append(_decided(signal, of_conversation or History()))
            else:
                waits = signal.conversation_id not in unsent
                why = "" if deadline.passed() else "NotSent"
                verdicts.append([] if waits else Unknown(why))
        return verdicts

    def _wait(self, known: dict[str, History | Unknown], deadline: Deadline) -> set[str]:
        """Send what comes back after settling; return the conversations of what was not sent."""
        due = [
            Settling(conversation_id, at_ms)
            for conversation_id, of_one in known.items()
            if isinstance(of_one, History)
            for at_ms, left in of_one.ends.items()
            if not left.settling and left.decided is None and of_one.touched_by(at_ms)
        ]
        if self._later is None:
            return set()
        sent = self._later(due, deadline) if due else []
        marks: dict[str, History] = {}
        for settling in sent:
            at_ms = settling.ended_at_ms
            ended = History(ends={at_ms: CustomerEnd(at_ms, settling=True)})
            marks[settling.conversation_id] = marks.get(
                settling.conversation_id, History()
            ).and_also(ended)
        # A mark that fails makes for a second message, which decides the same.
        known |= {
            c: of_one
            for c, of_one in self._joins.add(marks, deadline).items()
            if isinstance(of_one, History)
        }
        return {settling.conversation_id for settling in {*due} - {*sent}}


class AlsoSettling:
    """Another rule, which still decides on what was settling when it took the place of `LastQueue`.

    Those events are gone: the messages that settle them are all that will tell of their ends.
    """

    def __init__(self, rule: EndRule, joins: Histories) -> None:
        self._rule = rule
        self._last_queue = LastQueue(joins, later=None)

    def decide(self, signals: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each signal what its rule decides."""
        settling = [signal for signal in signals if signal.topic == SETTLE]
        others = [signal for signal in signals if signal.topic != SETTLE]
        of_others = iter(self._rule.decide(others, deadline))
        of_settling = iter(self._last_queue.decide(settling, deadline))
        return [next(of_settling if s.topic == SETTLE else of_others) for s in signals]


def end_rule(name: str, joins: Histories, later: Later) -> EndRule:
    """Return the rule that the setting `end_rule` names."""
    rules: dict[str, EndRule] = {
        "touched": AlsoSettling(Touched(joins), joins),
        "last_queue": LastQueue(joins, later),
        "queue_leg": AlsoSettling(QueueLeg(), joins),
    }
    return rules[name]


def _is_news(signal: PartnerEvent) -> bool:
    """Return whether a signal adds to what is known; a customer's transfer says nothing."""
    return signal.queue_id is not None or signal.ends_conversation


def _news(signals: Iterable[PartnerEvent]) -> dict[str, History]:
    """Return by conversation what signals have to add to what is known of it."""
    news: dict[str, History] = {}
    for signal in signals:
        if signal.queue_id is not None:
            told = History(queues={signal.queue_id: (signal.at_ms,)})
        elif signal.ends_conversation:
            told = History(ends={signal.at_ms: _left(signal)})
        else:
            continue
        known = news.get(signal.conversation_id, History())
        news[signal.conversation_id] = known.and_also(told)
    return news


def _touched(signal: PartnerEvent, known: History | Unknown | None) -> Decision:
    # What says nothing fires nothing either, whichever neighbours it has in its batch.
    if known is None or not _is_news(signal):
        return []
    if isinstance(known, Unknown):
        return known
    ends = sorted(known.ends)
    if signal.ends_conversation:
        ends = [at_ms for at_ms in ends if at_ms == known.end_at(signal.at_ms)]
    else:  # those that it can complete; the others did not wait for it
        ends = [
            at_ms for at_ms in ends if signal.at_ms <= known.ends[at_ms].latest_ms + SAME_END_MS
        ]
    return [
        _end(signal, queue_id, at_ms, known)
        for at_ms in ends
        for queue_id in known.touched_by(at_ms)
        if signal.queue_id in (None, queue_id)
    ]


def _decisions(
    settled: Iterable[PartnerEvent], known: Mapping[str, History | Unknown]
) -> dict[str, History]:
    """Return by conversation the queues to decide on: those with the latest events."""
    decisions: dict[str, History] = {}
    for signal in settled:
        of_one = known.get(signal.conversation_id)
        if not isinstance(of_one, History) or signal.at_ms not in of_one.ends:
            continue
        if of_one.ends[signal.at_ms].decided:
            continue
        latest = of_one.touched_by(signal.at_ms)
        if latest:
            _, last = max((at_ms, queue_id) for queue_id, at_ms in latest.items())
            decided = dataclasses.replace(of_one.ends[signal.at_ms], decided=last)
            earlier = decisions.get(signal.conversation_id, History())
            decisions[signal.conversation_id] = earlier.and_also(
                History(ends={signal.at_ms: decided})
            )
    return decisions


def _decided(signal: PartnerEvent, known: History) -> list[Accepted]:
    left = known.ends.get(signal.at_ms)
    if left is None or left.decided is None:
        return []
    return [_end(signal, left.decided, signal.at_ms, known)]


def _ends_leg(signal: PartnerEvent) -> bool:
    if signal.queue_id is None:
        return False
    if signal.topic == "acd.end":
        return signal.acd_outcome == "ABANDON"
    return signal.topic == "user.end" and not signal.is_transfer and signal.interacting_ms > 0


def _end_of_leg(signal: PartnerEvent) -> Accepted:
    known = History(ends={signal.at_ms: _left(signal)})
    return _end(signal, str(signal.queue_id), signal.at_ms, known)


def _left(signal: PartnerEvent) -> CustomerEnd:
    return CustomerEnd(
        latest_ms=signal.at_ms,
        dated=signal.dated,
        media_type=signal.media_type,
        direction=signal.direction,
        disconnect_type=signal.disconnect_type,
    )


def _end(signal: PartnerEvent, queue_id: str, at_ms: int, known: History) -> Accepted:
    left = known.ends[at_ms]
    end = ConversationEnd(
        conversation_id=signal.conversation_id,
        queue_id=queue_id,
        queue_name=None,
        ended_at=iso(from_ms(at_ms)),
        media_type=left.media_type,
        direction=left.direction,
        disconnect_type=left.disconnect_type,
        participants=[],
        metrics=[],
        source="eventbridge",
        sequence=1,
        raw=signal.raw,
    )
    return Accepted(end, at_ms, left.dated)
