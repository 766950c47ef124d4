"""Converts histories into items of the table, and items into histories.

An item has these attributes besides its key and `expires_at`:

- `version`: the number of writes.
- `queues`: for each queue, the times of its events.
- `events`: for each queue, its events, each as a list of the fields of `QueueEvent`. Versions
  before 2026-12 have not written it, and do not read it.
- `ends`: for each time of a customer's end, the fields of `CustomerEnd`. `latest_ms` and `settling`
  are there for versions before 2026-12, because a deploy can be rolled back. Their customer's ends
  could have a second, later time. If two customer's ends are at most five minutes apart, they would
  record a decision on the later one in the earlier one, and send settle messages for the later one
  without end. So the later one is `settling`, which keeps them from sending any.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from conversations.end import SAME_END_WINDOW_MS
from conversations.fields import word_or_none
from conversations.history import UNKNOWN_TOPIC, CustomerEnd, History, QueueEvent, find_previous_end
from conversations.ledger_store import RecordedHistory

Values = dict[str, dict[str, Any]]
"""Maps attribute names, or conditions such as `"state"=?`, to values such as `{"S": "claimed"}`."""

# The fields of `CustomerEnd` whose values are strings, keyed by their attributes in the table.
# Versions before 2026-12 have recorded longer ones.
_STRING_FIELDS = {
    "media_type": "media_type",
    "direction": "direction",
    "disconnect_type": "disconnect_type",
    "decided": "decided_queue_id",
}


def history_values(history: History, version: int, item_expires_at: int) -> Values:
    """Return the attributes of a history's item, without the key."""
    times = {
        queue_id: {"L": [_number(event.at_ms) for event in events]}
        for queue_id, events in history.queues.items()
    }
    known_events = {
        queue_id: {"L": [_event_value(e) for e in events if e.topic != UNKNOWN_TOPIC]}
        for queue_id, events in history.queues.items()
    }
    customer_ends = {
        str(at_ms): {"M": _customer_end_values(history, at_ms, item_expires_at)}
        for at_ms in history.customer_ends
    }
    return {
        "queues": {"M": times},
        "events": {"M": known_events},
        "ends": {"M": customer_ends},
        "version": _number(version),
        "expires_at": _number(item_expires_at),
    }


def parse_history(item: Mapping[str, Any]) -> RecordedHistory:
    """Return the history that an item contains."""
    known_events = item.get("events", {"M": {}})["M"]
    queues = {
        queue_id: _parse_events(known_events.get(queue_id, {"L": []})["L"], times["L"])
        for queue_id, times in item["queues"]["M"].items()
    }
    customer_ends: dict[int, CustomerEnd] = {}
    for at_ms, values in item["ends"]["M"].items():
        end = _parse_customer_end(values["M"])
        customer_ends[int(at_ms)] = end
        latest_ms = int(values["M"]["latest_ms"]["N"])
        if latest_ms != int(at_ms):
            second_end = dataclasses.replace(end, decided_queue_id=None)
            customer_ends.setdefault(latest_ms, second_end)
    return RecordedHistory(History(queues, customer_ends), int(item["version"]["N"]))


def _event_value(event: QueueEvent) -> dict[str, Any]:
    flags = [{"BOOL": event.agent_talked}, {"BOOL": event.is_callback}]
    return {"L": [_number(event.at_ms), {"S": event.topic}, _number(event.duration_ms), *flags]}


def _parse_events(
    known_events: list[dict[str, Any]], times: list[dict[str, str]]
) -> tuple[QueueEvent, ...]:
    events = [
        QueueEvent(
            int(at["N"]), topic["S"], int(duration["N"]), talked["BOOL"], is_callback["BOOL"]
        )
        for at, topic, duration, talked, is_callback in (event["L"] for event in known_events)
    ]
    unknown_times = {int(time["N"]) for time in times} - {event.at_ms for event in events}
    events += [QueueEvent(at_ms, UNKNOWN_TOPIC) for at_ms in unknown_times]
    return tuple(sorted(events))


def _customer_end_values(history: History, at_ms: int, item_expires_at: int) -> Values:
    end = history.customer_ends[at_ms]
    previous_end_ms = find_previous_end(history.customer_ends, at_ms)
    is_repeat = previous_end_ms is not None and at_ms - previous_end_ms <= SAME_END_WINDOW_MS
    values: Values = {
        attribute: {"S": value}
        for attribute, field in _STRING_FIELDS.items()
        if (value := getattr(end, field))
    }
    values["latest_ms"] = _number(at_ms)
    values["expires_at"] = _number(end.expires_at or item_expires_at)
    values["dated"] = {"BOOL": end.has_own_time}
    values["settling"] = {"BOOL": is_repeat}
    return values


def _parse_customer_end(values: Mapping[str, Any]) -> CustomerEnd:
    return CustomerEnd(
        expires_at=int(values["expires_at"]["N"]),
        has_own_time=values["dated"]["BOOL"],
        **{
            field: word_or_none(values[attribute]["S"])
            for attribute, field in _STRING_FIELDS.items()
            if attribute in values
        },
    )


def _number(value: int) -> dict[str, Any]:
    return {"N": str(value)}
