"""The intake queue's messages, and the reader that finds the ends in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from conversations.end_rules.end_rule import Decision, EndRule
from conversations.failures import OUT_OF_TIME, Failed, OutOfTime
from conversations.parsed import Accepted, Ignored, Rejected
from conversations.partner_event import PartnerEvent
from deadline import Deadline, now_ms
from intake.delayed_ends import BODY_PREFIX, parse_delayed_body
from logs import json_logger

# The latest time that a Python datetime can represent, in epoch milliseconds.
_MAX_DATETIME_MS = 253_402_300_799_999
# A time in epoch milliseconds has 13 digits. Python refuses to convert over 4,300.
_MAX_DIGITS = 100

logger = json_logger("worker")


class Message(msgspec.Struct, frozen=True, eq=False):
    """An SQS message (see "Using Lambda with Amazon SQS" in the AWS documentation).

    Attributes
    ----------
    id
        The message's id; empty if the record has none.
    sent_at_ms
        When the message was sent to the queue, in epoch milliseconds.
    receive_count
        The number of times that the message has been received, including this time.
    attributes
        The message attributes. Lambda writes their fields in camel case: `stringValue`, `dataType`.
    """

    id: str
    receipt_handle: str
    body: str
    sent_at_ms: int
    receive_count: int
    attributes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Message":
        """Convert a Lambda record to a message; never raise, whatever the record contains.

        A field that is missing or that has another type than in Lambda's records becomes empty.
        """
        system_attributes = _dict_or_empty(record.get("attributes"))
        sent_at_ms = _parse_whole_number(system_attributes.get("SentTimestamp"))
        receive_count = _parse_whole_number(system_attributes.get("ApproximateReceiveCount"))
        attributes = _dict_or_empty(record.get("messageAttributes"))
        return cls(
            id=_string_or_empty(record.get("messageId")),
            receipt_handle=_string_or_empty(record.get("receiptHandle")),
            body=_string_or_empty(record.get("body")),
            sent_at_ms=min(now_ms() if sent_at_ms is None else sent_at_ms, _MAX_DATETIME_MS),
            receive_count=max(1, receive_count or 1),
            attributes=attributes
            and {name: each for name, each in attributes.items() if isinstance(each, dict)},
        )


def read_records(event: object) -> list[Message]:
    """Return the messages in Lambda's event; never raise, whatever the event contains.

    Records that are not objects are left out. SQS sends neither these nor records without an id,
    but an error would repeat the whole batch, again and again.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        logger.warning("The event has no records: it does not come from a queue")
        return []
    messages = [Message.from_record(record) for record in records if isinstance(record, dict)]
    if odd_count := len(records) - len(messages):
        logger.warning("Records without a message are left out", records=odd_count)
    if unnamed_count := sum(not message.id for message in messages):
        # Lambda would repeat the whole batch if the response had an empty or an unknown id.
        logger.warning("Records without a message id cannot be retried", records=unnamed_count)
    return messages


ReadResult = list[Accepted] | Ignored | Rejected | Failed | OutOfTime
"""The ends that a message reports, or the reason why none could be found."""

ParseResult = Accepted | PartnerEvent | Ignored | Rejected
"""A `PartnerEvent` still needs the decision of the end rule."""


class Parser(Protocol):
    def __call__(self, body: str, sent_at_ms: int, queue_ids: Collection[str]) -> ParseResult:
        """Parse a message body; never raise an error."""


class Reader:
    """Finds the ends that messages report.

    Parameters
    ----------
    queue_ids
        The ids of our queues.
    parse
        The parser for the stack's delivery.
    rule
        The end rule; None if the parser never returns a partner event.
    queue_names
        The names of our queues, keyed by id, for ends whose events have no name.
    """

    def __init__(
        self,
        queue_ids: Collection[str],
        parse: Parser,
        rule: EndRule | None = None,
        *,
        queue_names: Mapping[str, str] | None = None,
    ) -> None:
        self._queue_ids = queue_ids
        self._parse = parse
        self._rule = rule
        self._queue_names = queue_names or {}

    def read(self, messages: Sequence[Message], deadline: Deadline) -> list[ReadResult]:
        """Return a result for each message, in order.

        First, messages are parsed until the deadline; the rest get `OUT_OF_TIME`. Then the end rule
        decides about all partner events together.
        """
        results: list[ReadResult] = []
        undecided_events: list[tuple[int, PartnerEvent]] = []
        for message in messages:
            if deadline.passed():
                results.append(OUT_OF_TIME)
                continue
            match self._parse_message(message):
                case Accepted() as accepted:
                    results.append([self._with_queue_name(accepted)])
                case Ignored() | Rejected() as no_end:
                    results.append(no_end)
                case partner_event:  # the only remaining type in `ParseResult`
                    undecided_events.append((len(results), partner_event))
                    results.append([])  # replaced below by the end rule's decision
        if self._rule and undecided_events:
            decisions = self._rule.decide([event for _, event in undecided_events], deadline)
            for (position, _), decision in zip(undecided_events, decisions, strict=True):
                results[position] = self._result_of(decision)
        return results

    def _parse_message(self, message: Message) -> ParseResult:
        if message.body.startswith(BODY_PREFIX):
            return parse_delayed_body(message.body, self._queue_ids)
        return self._parse(message.body, message.sent_at_ms, self._queue_ids)

    def _result_of(self, decision: Decision) -> ReadResult:
        if not isinstance(decision, list):
            return decision  # `Failed` or `OutOfTime`
        if not decision:
            return Ignored("noted")  # the event completes no end yet
        # A conversation's history may contain queues that are no longer ours.
        our_ends = [
            self._with_queue_name(accepted)
            for accepted in decision
            if accepted.end.queue_id in self._queue_ids
        ]
        return our_ends or Ignored("other_queue")

    def _with_queue_name(self, accepted: Accepted) -> Accepted:
        """Return an end with its queue's name, if the event has none and the name is known."""
        end = accepted.end
        if end.queue_name or end.queue_id not in self._queue_names:
            return accepted
        named_end = replace(end, queue_name=self._queue_names[end.queue_id])
        return msgspec.structs.replace(accepted, end=named_end)


def _dict_or_empty(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _string_or_empty(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parse_whole_number(value: object) -> int | None:
    """Return the number in a string; None for anything else, and for an absurdly long number."""
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    return int(value) if value.isascii() and value.isdigit() else None
