"""The worked examples of docs/genesys.md: what happens in each, and what the table says of it."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bodies import ENDED, OTHER_QUEUE, QUEUE
from tests.fakes.batches import SECOND_QUEUE

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs/genesys.md").read_text(encoding="utf-8")
ENVELOPE = json.loads(
    (ROOT / "tests/data/eventbridge-customer-end.json").read_text(encoding="utf-8")
)
EVENTS = "## The events of the examples"
TOPICS = "v2.detail.events.conversation.{id}."
QUEUES = {"A": QUEUE, "B": SECOND_QUEUE, "F": OTHER_QUEUE}
OURS = ("A", "B")
MEDIA = ("CALLBACK", "EMAIL", "MESSAGE")
DIRECTIONS = ("INBOUND", "OUTBOUND")
UNNAMED_DURATIONS = {"acd.end": "connectedDurationMs", "user.end": "interactingDurationMs"}

Ends = list[tuple[str, timedelta]]
"""Queue and time of each end, in order."""


@dataclass(frozen=True, slots=True)
class Event:
    """A line of an example: when, which topic, whose queue, and the other fields of the event."""

    at: timedelta
    topic: str
    queue: str | None
    fields: dict[str, Any]

    def event_body(self, conversation_id: str = "c-1") -> dict[str, Any]:
        """Return the event as Genesys Cloud writes it."""
        at_ms = int((ENDED + self.at).timestamp() * 1000)
        body = {"conversationId": conversation_id, "eventTime": at_ms} | self.fields
        return body | ({"queueId": QUEUES[self.queue]} if self.queue else {})

    def message(self, conversation_id: str = "c-1") -> str:
        """Return the message that EventBridge makes of it."""
        return json.dumps(self.partner_event(conversation_id))

    def partner_event(self, conversation_id: str = "c-1") -> dict[str, Any]:
        """Return the event as EventBridge sends it."""
        topic = TOPICS + self.topic
        detail = ENVELOPE["detail"] | {
            "topicName": topic.replace("{id}", conversation_id),
            "eventBody": self.event_body(conversation_id),
        }
        return {**ENVELOPE, "detail-type": topic, "detail": detail}


def table() -> dict[str, dict[str, Ends]]:
    """Return by example and end rule the ends that the table says."""
    (found,) = re.findall(r"^\| conversation \|.+\n(?:\|.+\n)+", DOCUMENT, re.MULTILINE)
    header, _, *lines = found.splitlines()
    rules = re.findall(r"`(\w+)`", header)
    said: dict[str, dict[str, Ends]] = {}
    for line in lines:
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        said[name[1:].partition("]")[0]] = dict(zip(rules, map(_ends, cells), strict=True))
    return said


def examples() -> dict[str, list[Event]]:
    """Return by example its events in order of time."""
    _, *sections = DOCUMENT.partition(f"\n{EVENTS}\n")[2].split("\n### ")
    found = {}
    for section in sections:
        (block,) = re.findall(r"```text\n(.+?)```", section, re.DOTALL)
        found[section.partition("\n")[0]] = [_event(line) for line in block.splitlines()]
    return found


def _ends(cell: str) -> Ends:
    if cell == "—":
        return []
    pairs = (end.split(" ") for end in cell.split(", "))
    return [(queue, _time(time)) for queue, time in pairs]


def _event(line: str) -> Event:
    time, topic, *words = line.split()
    queue = words.pop(0) if words and words[0] in QUEUES else None
    fields: dict[str, Any] = {"mediaType": "VOICE"}
    while words:
        word = words.pop(0)
        if word in MEDIA:
            fields["mediaType"] = word
        elif word in DIRECTIONS:
            fields["direction"] = word
        elif word.isdigit():
            assert words.pop(0) == "s"
            is_named = bool(words) and words[0] == "alerting"
            name = f"{words.pop(0)}DurationMs" if is_named else UNNAMED_DURATIONS[topic]
            fields[name] = int(word) * 1000
        else:
            fields["acdOutcome" if topic == "acd.end" else "disconnectType"] = word
    return Event(_time(time), topic, queue, fields)


def _time(text: str) -> timedelta:
    seconds, minutes, hours = [*map(int, reversed(text.split(":"))), 0][:3]
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
