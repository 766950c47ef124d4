"""What a batch tells: the ends that each of its messages is about."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from conversations.end_rules import EndRule
from conversations.failures import Failed, NoTime
from conversations.parsed import Accepted, Ignored, Rejected
from conversations.partner_event import PartnerEvent, parse_partner_event
from conversations.subscription_event import parse_subscription_event
from deadline import Deadline
from worker.message import Message
from worker.outcome import Outcome


@dataclass(slots=True)
class Arrivals:
    """The messages of a batch, by what they are.

    Attributes
    ----------
    told
        The distinct ends, each with the messages that tell of it. One message can tell of several.
    poison
        The messages that can never succeed.
    outcomes
        What became of those that tell of no end.
    """

    told: list[tuple[Accepted, list[Message]]] = field(default_factory=list)
    poison: list[tuple[Message, Rejected]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


class Subscribed:
    """Messages of the event subscription: each tells of one end."""

    def __init__(self, queue_ids: Collection[str]) -> None:
        self._queue_ids = queue_ids

    def read(self, messages: Iterable[Message], deadline: Deadline) -> Arrivals:
        """Return what the messages of a batch tell."""
        arrivals = Arrivals()
        ends: list[tuple[Message, Accepted]] = []
        for message in messages:
            if deadline.passed():
                arrivals.outcomes.append(Outcome(message, "failed", "no_time"))
                continue
            match parse_subscription_event(message.body, message.sent_at_ms, self._queue_ids):
                case Rejected() as rejected:
                    arrivals.poison.append((message, rejected))
                case Ignored(reason):
                    arrivals.outcomes.append(Outcome(message, "ignored", reason))
                case accepted:
                    ends.append((message, accepted))
        arrivals.told = _merged(ends)
        return arrivals


class Partnered:
    """Messages of the EventBridge integration: a rule tells which ends they fire."""

    def __init__(self, queue_ids: Collection[str], rule: EndRule) -> None:
        self._queue_ids = queue_ids
        self._rule = rule

    def read(self, messages: Iterable[Message], deadline: Deadline) -> Arrivals:
        """Return what the messages of a batch tell."""
        arrivals = Arrivals()
        signals: list[tuple[Message, PartnerEvent]] = []
        ends: list[tuple[Message, Accepted]] = []
        for message in messages:
            if deadline.passed():
                arrivals.outcomes.append(Outcome(message, "failed", "no_time"))
                continue
            match self._parse(message):
                case Rejected() as rejected:
                    arrivals.poison.append((message, rejected))
                case Ignored(reason):
                    arrivals.outcomes.append(Outcome(message, "ignored", reason))
                case Accepted() as accepted:
                    ends.append((message, accepted))
                case signal:
                    signals.append((message, signal))
        verdicts = self._rule.decide([signal for _, signal in signals], deadline)
        for (message, _), verdict in zip(signals, verdicts, strict=True):
            match verdict:
                case Failed(error):
                    arrivals.outcomes.append(Outcome(message, "failed", "ledger", error))
                case NoTime():
                    arrivals.outcomes.append(Outcome(message, "failed", "no_time"))
                case []:
                    arrivals.outcomes.append(Outcome(message, "ignored", "noted"))
                case fired:
                    # The join may remember queues that are no longer ours.
                    ours = [a for a in fired if a.end.queue_id in self._queue_ids]
                    ends += [(message, accepted) for accepted in ours]
                    if not ours:
                        arrivals.outcomes.append(Outcome(message, "ignored", "other_queue"))
        arrivals.told = _merged(ends)
        return arrivals

    def _parse(self, message: Message) -> PartnerEvent | Accepted | Ignored | Rejected:
        parsed = parse_partner_event(message.body, message.sent_at_ms, self._queue_ids)
        if not _lacks_event_type(parsed):
            return parsed
        # What the subscription sent before its stack was changed to the integration.
        earlier = parse_subscription_event(message.body, message.sent_at_ms, self._queue_ids)
        return parsed if _lacks_event_type(earlier) else earlier


def _lacks_event_type(parsed: object) -> bool:
    return isinstance(parsed, Rejected) and parsed.reason == "missing_event_type"


def _merged(ends: Iterable[tuple[Message, Accepted]]) -> list[tuple[Accepted, list[Message]]]:
    """Return the distinct ends with their messages.

    Only the same event is merged here. Whether ends of different times are the same end is a
    question of what is recorded, which the ledger answers.
    """
    told: dict[tuple[str, str, int | None], tuple[Accepted, list[Message]]] = {}
    for message, accepted in ends:
        ended_at = accepted.ended_at_ms if accepted.dated else None
        same = accepted.end.conversation_id, accepted.end.queue_id, ended_at
        told.setdefault(same, (accepted, []))[1].append(message)
    return list(told.values())
