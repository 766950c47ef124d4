"""The intake queue's messages, and what each of them reports."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.end_rules import Decision, EndRule
from conversations.failures import NO_TIME, Failed, NoTime
from conversations.parsed import Accepted, Ignored, Rejected
from conversations.partner_event import PartnerEvent
from deadline import Deadline, now_ms

# The last moment that a Python datetime can tell, in epoch milliseconds.
_LAST_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A record of the function's event (AWS: "Using Lambda with Amazon SQS").

    Attributes
    ----------
    sent_at_ms
        When it was sent to the queue, in epoch milliseconds.
    receives
        How often it has been received, this time included.
    attributes
        Its message attributes, spelt as Lambda spells them (`stringValue`, `dataType`, …).
    """

    id: str
    receipt_handle: str
    body: str
    sent_at_ms: int
    receives: int
    attributes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """Return the message in a record; only its id must be there."""
        system = record.get("attributes") or {}
        return cls(
            id=record["messageId"],
            receipt_handle=record.get("receiptHandle") or "",
            body=record.get("body") or "",
            sent_at_ms=min(_whole_number(system.get("SentTimestamp"), now_ms()), _LAST_MS),
            receives=max(1, _whole_number(system.get("ApproximateReceiveCount"), 1)),
            attributes=record.get("messageAttributes") or {},
        )


Reading = list[Accepted] | Ignored | Rejected | Failed | NoTime
"""The ends that a message reports, or the reason why it reports none."""

Parsed = Accepted | PartnerEvent | Ignored | Rejected
Parse = Callable[[str, int, Collection[str]], Parsed]
"""From a body, its sent time and our queue ids to the event in it; never raises."""


class Reader:
    """Finds the ends that messages report.

    Parameters
    ----------
    queue_ids
        The ids of our queues.
    parse
        Parses the bodies of the stack's delivery.
    rule
        Decides which ends partner events complete; None where there are no such events.
    """

    def __init__(
        self, queue_ids: Collection[str], parse: Parse, rule: EndRule | None = None
    ) -> None:
        self._queue_ids = queue_ids
        self._parse = parse
        self._rule = rule

    def read(self, messages: Sequence[Message], deadline: Deadline) -> list[Reading]:
        """Return what each message reports; messages left at the deadline are not read."""
        readings: list[Reading] = []
        undecided: list[tuple[int, PartnerEvent]] = []
        for message in messages:
            if deadline.passed():
                readings.append(NO_TIME)
                continue
            match self._parse(message.body, message.sent_at_ms, self._queue_ids):
                case Accepted() as accepted:
                    readings.append([accepted])
                case Ignored() | Rejected() as no_end:
                    readings.append(no_end)
                case event:
                    undecided.append((len(readings), event))
                    readings.append([])
        if self._rule and undecided:
            decisions = self._rule.decide([event for _, event in undecided], deadline)
            for (position, _), decision in zip(undecided, decisions, strict=True):
                readings[position] = self._reading(decision)
        return readings

    def _reading(self, decision: Decision) -> Reading:
        if not isinstance(decision, list):
            return decision
        if not decision:
            return Ignored("noted")
        # The history of a conversation may name queues that are no longer ours.
        ours = [accepted for accepted in decision if accepted.end.queue_id in self._queue_ids]
        return ours or Ignored("other_queue")


def _whole_number(text: object, otherwise: int) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else otherwise
