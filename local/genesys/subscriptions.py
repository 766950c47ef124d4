"""An event subscription of the Genesys Cloud stand-in: what it is, and what it lets through."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from jsonata import Jsonata

from local.genesys.rest import bad_request

SUBSCRIPTIONS = "/api/v2/events/subscriptions"
SQS_ARN = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a subscription lets through, and where to: its filter is compiled once."""

    subscription_id: str
    event_types: frozenset[str]
    filter: Jsonata | None
    arn: str
    region: str


class Subscription:
    """A subscription as the org holds it, and the rule by which it delivers at present."""

    def __init__(self, wanted: dict[str, Any], active_at: float, active_after_reads: int) -> None:
        self.id = str(uuid4())
        self.created = _now()
        self.live: Rule | None = None
        self.change(wanted, active_at, active_after_reads)

    def change(self, wanted: dict[str, Any], active_at: float, active_after_reads: int) -> None:
        """Set what it should be; until that is active it delivers as before."""
        self.wanted, self.modified = wanted, _now()
        self.next: Rule | None = _compiled(self.id, wanted)
        self.active_at, self.reads_left = active_at, active_after_reads

    def settle(self, now: float) -> None:
        """Make it active once its moment has come."""
        if self.next and now >= self.active_at and self.reads_left <= 0:
            self.live = self.next if self.wanted["status"] == "active" else None
            self.next = None

    def entity(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            **copy.deepcopy(self.wanted),
            **({"status": "pending"} if self.next else {}),
            "dateCreated": self.created,
            "dateModified": self.modified,
            "selfUri": f"{SUBSCRIPTIONS}/{self.id}",
        }


def validated(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `body` that a subscription has.

    Raises
    ------
    local.genesys.wire.Problem
        One is missing or wrong, or the filter is no JSONata.
    """
    match body:
        case {
            "name": str(name),
            "eventTypes": [str(), *_] as types,
            "destination": {
                "type": "aws_sqs",
                "awsSqs": {"arn": str(arn), "region": str(region)},
            },
        } if name.strip() and all(isinstance(one, str) for one in types):
            pass
        case _:
            raise bad_request(
                "name, eventTypes (a list of topics) and destination"
                " {type: aws_sqs, awsSqs: {arn, region}} are required."
            )
    if not SQS_ARN.fullmatch(arn) or arn.split(":")[3] != region:
        raise bad_request(f"destination.awsSqs: no SQS queue ARN in {region or '?'}: {arn}")
    wanted = {
        "name": name,
        "description": body.get("description") or "",
        "eventTypes": list(types),
        "attributeFilter": body.get("attributeFilter") or "",
        "destination": {"type": "aws_sqs", "awsSqs": {"arn": arn, "region": region}},
        "status": body.get("status") or "active",
    }
    for key in ("description", "attributeFilter", "status"):
        if not isinstance(wanted[key], str):
            raise bad_request(f"{key}: expected a string.")
    if wanted["status"] not in ("active", "inactive"):
        raise bad_request(f"status: expected active or inactive, got {wanted['status']}.")
    _compiled("", wanted)
    return wanted


def _compiled(subscription_id: str, wanted: dict[str, Any]) -> Rule:
    expression = wanted["attributeFilter"]
    try:
        compiled = Jsonata(expression) if expression else None
    except Exception as error:  # noqa: BLE001 - whatever it raises, the expression is at fault
        raise bad_request(f"attributeFilter: {expression} is not JSONata: {error}") from None
    destination = wanted["destination"]["awsSqs"]
    return Rule(
        subscription_id,
        frozenset(wanted["eventTypes"]),
        compiled,
        destination["arn"],
        destination["region"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
