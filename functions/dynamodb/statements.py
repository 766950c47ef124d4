"""Domain writes as PartiQL statements with typed values, and the keys of their items."""

import functools
from typing import Any

from conversations.history import CustomerEnd, History
from conversations.ledger_store import (
    ChangedHistory,
    EndKey,
    Keep,
    Mark,
    NewClaim,
    NewHistory,
    Takeover,
    Write,
)

ItemKey = tuple[str, str]
"""The partition key `conversation_id`, and the sort key, whose name is `queue_id`."""
Statement = dict[str, Any]
"""An entry of a BatchExecuteStatement call: `Statement` and `Parameters`."""
_Values = dict[str, dict[str, Any]]
"""Typed values by the names of attributes, or by the conditions that demand them."""


def end_key(key: EndKey) -> ItemKey:
    """Return the key of an end's item; a first end has the plain id of its queue."""
    conversation_id, queue_id, sequence = key
    return conversation_id, queue_id if sequence == 1 else f"{queue_id}#{sequence}"


def history_key(conversation_id: str) -> ItemKey:
    """Return the key of a history's item; no id of a queue has the sign `#`."""
    return conversation_id, "#join"


def key_values(key: ItemKey) -> dict[str, dict[str, str]]:
    """Return a key as an item has it."""
    conversation_id, sort_key = key
    return {"conversation_id": {"S": conversation_id}, "queue_id": {"S": sort_key}}


def statement(table: str, write: Write) -> Statement:
    """Return the statement that carries out a write."""
    match write:
        case NewClaim(key, holder, lease_until, ended_at, source, expires_at):
            return _insert(
                table,
                end_key(key),
                {
                    "state": {"S": "claimed"},
                    "claimed_by": {"S": holder},
                    "lease_until": _number(lease_until),
                    "ended_at": _number(ended_at),
                    "delivered": {"L": []},
                    "source": {"S": source},
                    "expires_at": _number(expires_at),
                },
            )
        case Mark(key, holder, lease_until, delivered, done):
            lease = _number(lease_until)
            values: _Values = {
                "delivered": {"L": [{"S": name} for name in delivered]},
                "lease_until": lease,
            }
            if done:
                values["state"] = {"S": "done"}
            conditions: _Values = {'"claimed_by"=?': {"S": holder}, '"lease_until" >= ?': lease}
            return _update(table, end_key(key), values, conditions)
        case Takeover(key, holder, lease_until, expires_at, former_holder, now):
            return _update(
                table,
                end_key(key),
                {
                    "claimed_by": {"S": holder},
                    "lease_until": _number(lease_until),
                    "expires_at": _number(expires_at),
                },
                {
                    '"claimed_by"=?': {"S": former_holder},
                    '"state"=?': {"S": "claimed"},
                    '"lease_until" < ?': _number(now),
                },
            )
        case Keep(key, expires_at):
            return _update(table, end_key(key), {"expires_at": _number(expires_at)}, {})
        case NewHistory(conversation_id, history, expires_at):
            values = _history_values(history, 1, expires_at)
            return _insert(table, history_key(conversation_id), values)
        case ChangedHistory(conversation_id, history, version, expires_at):
            values = _history_values(history, version + 1, expires_at)
            unchanged = {'"version"=?': _number(version)}
            return _update(table, history_key(conversation_id), values, unchanged)


def _insert(table: str, key: ItemKey, values: _Values) -> Statement:
    item = key_values(key) | values
    return {"Statement": _insert_text(table, *item), "Parameters": [*item.values()]}


def _update(table: str, key: ItemKey, values: _Values, conditions: _Values) -> Statement:
    text = _update_text(table, tuple(values), tuple(conditions))
    parameters = [*values.values(), *key_values(key).values(), *conditions.values()]
    return {"Statement": text, "Parameters": parameters}


# The same few texts recur for every end.
@functools.cache
def _insert_text(table: str, *names: str) -> str:
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'


@functools.cache
def _update_text(table: str, names: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    changes = " ".join(f'SET "{name}"=?' for name in names)
    where = " AND ".join(['"conversation_id"=?', '"queue_id"=?', *conditions])
    return f'UPDATE "{table}" {changes} WHERE {where}'


def _history_values(history: History, version: int, expires_at: int) -> _Values:
    queues = {
        queue_id: {"L": [_number(time) for time in times]}
        for queue_id, times in history.queues.items()
    }
    ends = {
        str(at_ms): {"M": _end_values(end, end.expires_at or expires_at)}
        for at_ms, end in history.ends.items()
    }
    return {
        "queues": {"M": queues},
        "ends": {"M": ends},
        "version": _number(version),
        "expires_at": _number(expires_at),
    }


def _end_values(end: CustomerEnd, expires_at: int) -> _Values:
    texts = {
        "media_type": end.media_type,
        "direction": end.direction,
        "disconnect_type": end.disconnect_type,
        "decided": end.decided,
    }
    values: _Values = {name: {"S": text} for name, text in texts.items() if text}
    values["latest_ms"] = _number(end.latest_ms)
    values["expires_at"] = _number(expires_at)
    values["dated"] = {"BOOL": end.dated}
    values["settling"] = {"BOOL": end.settling}
    return values


# Typed values are spelt by hand here: boto3.dynamodb.types takes four times as long.
def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
