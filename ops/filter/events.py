"""The events that a filter is tried on: from files, or made up for queues."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversations.subscription_event import EVENT_TYPE
from infra.settings.attribute_filter import sample_attributes
from infra.settings.settings import Settings
from json_text import decode_json
from ops.errors import OpsError, Status

# No queue has this id.
OTHER_QUEUE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a filter is tried on.

    Attributes
    ----------
    label
        How the output names the event.
    attributes
        The part of the event that Genesys Cloud filters by.
    must_match
        Whether the filter is wrong if it does not match the event.
    note
        What else the output says of the event; empty if nothing.
    """

    label: str
    attributes: dict[str, Any]
    must_match: bool = False
    note: str = ""


def sample_events(queue_ids: Sequence[str]) -> list[Event]:
    """Return an event of each queue, which a filter must match."""
    return [
        Event(f"sample of queue {queue_id}", sample_attributes(queue_id), must_match=True)
        for queue_id in queue_ids
    ]


def default_events(settings: Settings) -> list[Event]:
    """Return an event of each of the stage's queues, and one of a queue that is not ours."""
    other = Event("sample of another queue", sample_attributes(OTHER_QUEUE))
    return [*sample_events(settings.queue_ids), other]


def read_events(path: Path) -> list[Event]:
    """Return the events in a file: one event, a list of events, or JSON Lines.

    An event can be a whole message body, or only its `attributes`.

    Raises
    ------
    OpsError
        The file cannot be read, or contains something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OpsError(f"{path} cannot be read: {error}", Status.USAGE) from None
    values = _parse(path, text)
    names = [str(path)] if len(values) == 1 else [f"{path}:{n}" for n in range(1, len(values) + 1)]
    return [_event(name, value) for name, value in zip(names, values, strict=True)]


def _parse(path: Path, text: str) -> list[Any]:
    """Return the values in a JSON document or in JSON Lines."""
    try:
        value = decode_json(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [decode_json(line) for line in lines]
        except ValueError as error:
            raise OpsError(
                f"{path} is neither JSON nor JSON Lines: {error}", Status.USAGE
            ) from None
    return value if isinstance(value, list) else [value]


def _event(name: str, value: Any) -> Event:
    if not isinstance(value, dict):
        raise OpsError(f"{name}: expected an event, which is a JSON object.", Status.USAGE)
    attributes = value.get("attributes")
    if not isinstance(attributes, dict):
        if "detail-type" in value:
            raise OpsError(
                f"{name}: this is an event of EventBridge, which no attribute filter applies to.",
                Status.USAGE,
            )
        return Event(name, value)
    event_type = value.get("eventType")
    if event_type in (None, EVENT_TYPE):
        return Event(name, attributes)
    return Event(name, attributes, note=f"never sent: its eventType is not {EVENT_TYPE}")
