"""PartiQL statements on the ledger's table: on items of any kind, and what is written of ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.ledger_table import Key, Record, Statement, key_values
from conversations.parsed import Accepted
from deadline import Clock

Values = Mapping[str, Mapping[str, Any]]
"""Attributes by name, each in DynamoDB's spelling."""


def insert(table: str, key: Key, values: Values) -> Statement:
    """Return what makes an item; it fails where there is one of that key."""
    every = {**key_values(key), **values}
    fields = ", ".join(f"'{name}': ?" for name in every)
    return Statement(f'INSERT INTO "{table}" VALUE {{{fields}}}', list(every.values()))


def update(table: str, key: Key, values: Values, demanded: Values) -> Statement:
    """Return what changes an item; it fails unless there is one with the values demanded."""
    wanted = {**key_values(key), **demanded}
    changes = " ".join(f'SET "{name}"=?' for name in values)
    conditions = " AND ".join(f'"{name}"=?' for name in wanted)
    return Statement(
        f'UPDATE "{table}" {changes} WHERE {conditions}', [*values.values(), *wanted.values()]
    )


@dataclass(frozen=True, slots=True)
class EndStatements:
    """What one invocation writes of ends.

    Attributes
    ----------
    table
        The table's name.
    holder
        The invocation's token.
    lease_until
        When the claims that it takes run out, in epoch milliseconds.
    keep_seconds
        How long an item is kept after it was last claimed.
    """

    table: str
    holder: str
    lease_until: int
    keep_seconds: int
    now_ms: Clock

    def claim(self, key: Key, accepted: Accepted) -> Statement:
        """Return what claims an end that is new."""
        values = {
            "state": {"S": "claimed"},
            "claimed_by": {"S": self.holder},
            "lease_until": {"N": str(self.lease_until)},
            "ended_at": {"N": str(accepted.ended_at_ms)},
            "delivered": _names(()),
            "source": {"S": accepted.end.source},
            "expires_at": self._expires_at(),
        }
        return insert(self.table, key, values)

    def take_over(self, key: Key, record: Record) -> Statement:
        """Return what claims an end whose claim is over; it fails if somebody else was faster."""
        values = {
            "claimed_by": {"S": self.holder},
            "lease_until": {"N": str(self.lease_until)},
            "expires_at": self._expires_at(),
        }
        demanded = {"claimed_by": {"S": record.claimed_by}, "state": {"S": "claimed"}}
        taken = update(self.table, key, values, demanded)
        over = {"N": str(self.now_ms())}
        return Statement(f'{taken.text} AND "lease_until" < ?', [*taken.parameters, over])

    def write_down(
        self, key: Key, delivered: Sequence[str], lease_until: int, *, done: bool = False
    ) -> Statement:
        """Return what writes a claim's state, unless it is lost or a later write came before."""
        lease = {"N": str(lease_until)}
        values: Values = {
            "delivered": _names(delivered),
            "lease_until": lease,
            **({"state": {"S": "done"}} if done else {}),
        }
        written = update(self.table, key, values, {"claimed_by": {"S": self.holder}})
        return Statement(f'{written.text} AND "lease_until" >= ?', [*written.parameters, lease])

    def keep(self, key: Key) -> Statement:
        """Return what keeps an item as long as one that is claimed now."""
        return update(self.table, key, {"expires_at": self._expires_at()}, {})

    def _expires_at(self) -> dict[str, str]:
        return {"N": str(self.now_ms() // 1000 + self.keep_seconds)}


def _names(destinations: Sequence[str]) -> dict[str, Any]:
    return {"L": [{"S": name} for name in destinations]}
