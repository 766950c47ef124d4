"""The end rule `last_queue`."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.end import SAME_END_WINDOW_MS
from conversations.end_rules.additions import (
    adds_to_history,
    collect_additions,
    merge_into,
)
from conversations.end_rules.end_rule import Decision, EndRule, accept_end
from conversations.end_rules.stays import Stay, find_counting_stays
from conversations.end_rules.touched import find_completed
from conversations.failures import OUT_OF_TIME, Failed, OutOfTime
from conversations.histories import Histories, HistoryResult
from conversations.history import History
from conversations.parsed import Accepted
from conversations.partner_event import SETTLE, PartnerEvent
from conversations.topics import AFTER_CALL_TOPICS
from deadline import Deadline


@dataclass(frozen=True, slots=True)
class SettlingEnd:
    """A customer's end for which the rule `last_queue` will choose a queue later.

    `cause` is the event that the resulting end gets as `raw`: the `customer.end`, or the event of a
    queue that arrived after it.
    """

    conversation_id: str
    ended_at_ms: int
    cause: Mapping[str, Any]

    def as_event(self, *, include_cause: bool = True) -> dict[str, object]:
        """Return the settle event, which `parse_partner_event` parses."""
        detail = {"conversationId": self.conversation_id, "endedAt": self.ended_at_ms}
        cause = {"event": self.cause} if include_cause else {}
        return {"detail-type": SETTLE, "detail": detail | cause}


SendLater = Callable[[Sequence[SettlingEnd], Deadline], Sequence[bool]]
"""Sends a delayed settle event for each `SettlingEnd`; returns for each whether it was sent."""


class LastQueue:
    """The rule `last_queue`: a conversation ends in the queue that it was in last.

    The conversation ends when the customer leaves for good. Events arrive in any order, so the rule
    waits before it decides. Each event that would complete an end under the rule `touched` makes
    the worker send itself a delayed settle event, until the rule has decided. When the settle event
    arrives, the rule chooses the last queue. It records its decision in the history before the
    worker delivers the end. Events that arrive later therefore change nothing, and a further settle
    event leads to the same decision.

    If `send_later` is None, the rule sends no settle events (see `SuccessorRule`).
    """

    def __init__(self, histories: Histories, send_later: SendLater | None) -> None:
        self._histories = histories
        self._send_later = send_later

    def decide(self, events: Sequence[PartnerEvent], deadline: Deadline) -> list[Decision]:
        """Return for each event the ends that it completes. Only settle events complete ends.

        If a settle event cannot be sent, the event that called for it fails. It arrives again
        later, and the worker then tries again to send the settle event.
        """
        histories = self._histories.add(collect_additions(events), deadline)
        settle_events = [event for event in events if event.topic == SETTLE]
        ids_to_read = {event.conversation_id for event in settle_events} - histories.keys()
        histories |= self._histories.read(sorted(ids_to_read), deadline)
        histories |= self._histories.add(_choose_queues(settle_events, histories), deadline)
        unsent = self._send_settle_events(events, histories, deadline)
        decisions: list[Decision] = []
        for event in events:
            history = histories.get(event.conversation_id, History())
            if event.topic != SETTLE and not adds_to_history(event):
                decisions.append([])
            elif not isinstance(history, History):
                decisions.append(history)
            elif event.topic == SETTLE:
                decisions.append(_find_decided_ends(event, history))
            else:
                decisions.append(unsent.get(event.conversation_id, []))
        return decisions

    def _send_settle_events(
        self,
        events: Iterable[PartnerEvent],
        histories: Mapping[str, HistoryResult],
        deadline: Deadline,
    ) -> Mapping[str, Failed | OutOfTime]:
        """Send the settle events that events call for.

        Return a failure, keyed by conversation id, for each settle event that was not sent.
        """
        if self._send_later is None:
            return {}
        settling_ends: dict[tuple[str, int], SettlingEnd] = {}
        # A `customer.end` comes first, so that it becomes the end's `raw`.
        for event in sorted(events, key=lambda event: not event.ends_conversation):
            history = histories.get(event.conversation_id)
            if not isinstance(history, History) or not adds_to_history(event):
                continue
            for ended_at_ms, _ in find_completed(event, history):
                if history.customer_ends[ended_at_ms].decided_queue_id is None:
                    end = SettlingEnd(event.conversation_id, ended_at_ms, event.raw)
                    settling_ends.setdefault((event.conversation_id, ended_at_ms), end)
        if not settling_ends:
            return {}
        sent_flags = self._send_later([*settling_ends.values()], deadline)
        failure = OUT_OF_TIME if deadline.passed() else Failed("NotSent", "settling")
        return {
            end.conversation_id: failure
            for end, sent in zip(settling_ends.values(), sent_flags, strict=True)
            if not sent
        }


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


def _choose_queues(
    settle_events: Iterable[PartnerEvent], histories: Mapping[str, HistoryResult]
) -> dict[str, History]:
    """Choose queues for settle events; return the additions to histories, by conversation id."""
    additions: dict[str, History] = {}
    for event in settle_events:
        history = histories.get(event.conversation_id)
        if not isinstance(history, History):
            continue
        if event.at_ms not in history.completable_end_times():
            continue
        end = history.customer_ends[event.at_ms]
        last_queue_id = find_last_queue(history, event.at_ms)
        if last_queue_id and not end.decided_queue_id:
            decided_end = dataclasses.replace(end, decided_queue_id=last_queue_id)
            addition = History(customer_ends={event.at_ms: decided_end})
            merge_into(additions, event.conversation_id, addition)
    return additions


def find_last_queue(history: History, ended_at_ms: int) -> str | None:
    """Return the id of the queue that a conversation was in last; None if no stay counts."""
    latest_ms = ended_at_ms + SAME_END_WINDOW_MS

    def rank(queue_id: str, stays: Sequence[Stay]) -> tuple[bool, int, bool, float, str]:
        return (
            any(stay.event.topic not in AFTER_CALL_TOPICS for stay in stays),
            max(min(stay.ends_ms, latest_ms) for stay in stays),
            any(stay.event.agent_talked for stay in stays),
            max((s.begins_ms for s in stays if s.begins_ms is not None), default=-math.inf),
            queue_id,
        )

    ranks = [
        rank(queue_id, stays)
        for queue_id, events in history.queues.items()
        if (stays := find_counting_stays(history, events, ended_at_ms))
    ]
    return max(ranks)[-1] if ranks else None


def _find_decided_ends(event: PartnerEvent, history: History) -> list[Accepted]:
    """Return a list with the settle event's end; an empty list if no queue has been chosen."""
    end = history.customer_ends.get(event.at_ms)
    if end is None or end.decided_queue_id is None:
        return []
    return [accept_end(event, end.decided_queue_id, event.at_ms, end)]
