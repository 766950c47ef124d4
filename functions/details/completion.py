"""Completes ends with their details, and brings the lists of events into the same form."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from conversations.end import ConversationEnd
from conversations.fields import format_utc, parse_utc, string_or_none
from conversations.parsed import RejectError
from details.details import Details

JsonObject = dict[str, Any]

# Field of an event's participant → field of a participant in `ConversationEnd`.
_STRINGS = {
    "id": "participant_id",
    "purpose": "purpose",
    "userId": "user_id",
    "externalContactId": "external_contact_id",
}
# The same for fields that become lists.
_LISTS = {
    "queue_ids": ("queueId",),
    "media_types": ("mediaType",),
    "wrapup_codes": ("wrapupCode",),
    "disconnect_types": ("disconnectType",),
}
_ADDRESSES = ("ani", "dnis", "addressFrom", "addressTo")


def complete_end(
    end: ConversationEnd, details: Details, *, with_personal_data: bool
) -> ConversationEnd:
    """Return an end with its details.

    A value of the event is kept if analytics do not have it.
    """
    return dataclasses.replace(
        end,
        media_type=end.media_type or details.media_type,
        direction=end.direction or details.direction,
        disconnect_type=end.disconnect_type or details.disconnect_type,
        participants=_merge_participants(
            details.participants,
            _describe_participants(end, with_personal_data=with_personal_data),
        ),
        metrics=_merge_metrics(details.metrics, _find_metrics(end)),
        details="complete",
        conversation_start=details.conversation_start,
    )


def give_up_details(end: ConversationEnd, *, with_personal_data: bool) -> ConversationEnd:
    """Return an end without details; its lists have the form that they have with details."""
    return dataclasses.replace(
        end,
        participants=_describe_participants(end, with_personal_data=with_personal_data),
        metrics=_find_metrics(end),
        details="missing",
    )


def _describe_participants(end: ConversationEnd, *, with_personal_data: bool) -> list[JsonObject]:
    participants = (one for one in end.participants if isinstance(one, dict))
    return [_describe(one, with_personal_data=with_personal_data) for one in participants]


def _describe(participant: JsonObject, *, with_personal_data: bool) -> JsonObject:
    strings = {
        field: string_or_none(participant.get(event_field))
        for event_field, field in _STRINGS.items()
    }
    lists = {field: _find_strings(participant, keys) for field, keys in _LISTS.items()}
    times = {
        "started_at": _find_time(participant, "connectedTime"),
        "ended_at": _find_time(participant, "endTime"),
    }
    personal: JsonObject = {}
    if with_personal_data:
        personal["name"] = string_or_none(participant.get("name"))
        personal["addresses"] = _find_strings(participant, _ADDRESSES)
        personal["notes"] = _find_strings(participant, ("wrapupNote",))
    return {**strings, **lists, **times, **personal}


def _find_strings(participant: JsonObject, keys: Sequence[str]) -> list[str]:
    values = [*dict.fromkeys(string_or_none(participant.get(key)) for key in keys)]
    return [value for value in values if value]


def _find_time(participant: JsonObject, key: str) -> str | None:
    try:
        return format_utc(parse_utc(participant.get(key) or "", key))
    except (RejectError, TypeError):
        return None


def _find_metrics(end: ConversationEnd) -> list[JsonObject]:
    metrics = [
        {"name": one["name"], "value": one["value"]}
        for one in end.metrics
        if isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and type(one.get("value")) is int
    ]
    return sorted(metrics, key=lambda metric: str(metric["name"]))


def _merge_participants(
    known: Sequence[JsonObject], from_event: Sequence[JsonObject]
) -> list[JsonObject]:
    """Return analytics' participants, completed by the event's ones with the same ids.

    A participant of the event without an id is left out: it could be any of those in analytics.
    """
    event_participants = {
        one["participant_id"]: one for one in from_event if one["participant_id"] is not None
    }
    merged = []
    for one in known:
        other: Mapping[str, Any] = event_participants.pop(one["participant_id"], {})
        merged.append({field: value or other.get(field, value) for field, value in one.items()})
    return merged + list(event_participants.values())


def _merge_metrics(
    known: Sequence[JsonObject], from_event: Sequence[JsonObject]
) -> list[JsonObject]:
    # An event has zeros for what has not happened; analytics leave these metrics out.
    names = {metric["name"] for metric in known}
    additions = [one for one in from_event if one["name"] not in names and one["value"]]
    return sorted([*known, *additions], key=lambda metric: str(metric["name"]))
