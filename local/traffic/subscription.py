"""Made-up conversations as subscription events, and malformed bodies.

The same seed gives the same bytes. People, numbers and addresses are fictitious: the phone
numbers 555-01xx and the domain example.com are reserved for such purposes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Literal, NamedTuple
from uuid import UUID

END = "event:conversation:end"
OTHER_TYPES = ("event:conversation:start", "event:conversation:transfer", "event:routing:wrapup")
OUR_QUEUES = ("a1b2c3d4-e5f6-7890-1234-567890abcdef", "b2c3d4e5-f6a7-4901-8345-67890abcdef1")
FOREIGN_QUEUES = (
    "0d5c2a11-3f7e-4a0b-8c1d-5e9f7a6b4c3d",
    "1e6d3b22-4a8f-4b1c-9d2e-6f0a8b7c5d4e",
    "2f7e4c33-5b9a-4c2d-8e3f-7a1b9c8d6e5f",
    "3a8f5d44-6c0b-4d3e-9f4a-8b2c0d9e7f6a",
)
START = datetime(2026, 11, 23, 10, tzinfo=UTC)
TRANSFERRED, ABANDONED = 0.15, 0.12
"""The fractions of conversations that are transferred and that are abandoned."""
QUEUE_NAMES = ("Support", "Billing", "Sales", "Returns", "Retention", "Onboarding")
QUEUES = dict(zip((*OUR_QUEUES, *FOREIGN_QUEUES), QUEUE_NAMES, strict=True))
"""The names of the org's queues, keyed by id."""
PEOPLE = (
    "Alex Moreau",
    "Kim Okafor",
    "Sam Lindqvist",
    "Noor Haddad",
    "Robin Castillo",
    "Mei Tanaka",
)
FLOWS = ("Main menu", "After hours", "Language choice", "Order status")
MEDIA = {"VOICE": 60, "CHAT": 12, "EMAIL": 10, "CALLBACK": 8, "MESSAGE": 10}
FINAL_DISCONNECTS = ("ENDPOINT", "ENDPOINT", "PEER", "CLIENT", "SYSTEM")
"""Disconnect types when a customer leaves for good."""
WRAPUP_CODES = tuple(str(UUID(int=0x44444444_5555_4666_8777_000000000000 + n)) for n in range(6))

Kind = Literal["answered", "abandoned", "transferred", "other_type"]


@dataclass(frozen=True, slots=True)
class Event:
    """A subscription event.

    Attributes
    ----------
    body
        The event as Genesys Cloud sends it.
    kind
        How the conversation went in the queue; `other_type` if the event is not an end.
    """

    body: dict[str, Any]
    conversation_id: str
    queue_id: str
    kind: Kind

    def with_time(self, time: datetime) -> Event:
        """Return the same event with another event time."""
        return replace(self, body={**self.body, "eventTime": iso(time)})


class Malformed(NamedTuple):
    """A malformed message body, and the reason for which the worker must reject the message."""

    name: str
    body: str
    reason: str


def conversations(
    seed: int,
    count: int,
    queues: Sequence[str] = OUR_QUEUES,
    *,
    foreign: Sequence[str] = FOREIGN_QUEUES,
    own_share: float = 1 / 3,
    other_type_share: float = 0.1,
    start: datetime = START,
) -> Iterator[Event]:
    """Yield the events of `count` conversations, one conversation after the other.

    A conversation ends with one event for each of its queues: one queue, or two if the conversation
    was transferred. Some conversations have an earlier event of another type.

    Parameters
    ----------
    queues, foreign
        The ids of our queues, and of foreign queues in the same org.
    own_share
        The fraction of ends that are in our queues.
    other_type_share
        The fraction of conversations that have an event of another type.
    start
        When the first conversation ends. Each next one ends within four seconds.
    """
    rng = random.Random(seed)
    names = dict(zip([*queues, *foreign], cycle(QUEUE_NAMES), strict=False))
    ended = start
    for _ in range(count):
        queue_count = 2 if rng.random() < TRANSFERRED else 1
        picked = [
            rng.choice(queues if rng.random() < own_share else foreign) for _ in range(queue_count)
        ]
        conversation = _Conversation(rng, ended, names)
        yield from conversation.events(list(dict.fromkeys(picked)), other_type_share)
        ended += timedelta(milliseconds=rng.randint(50, 4_000))


def malformed_bodies(queue_id: str = OUR_QUEUES[0]) -> list[Malformed]:
    """Return malformed bodies with one error each.

    Every error has an example, except the empty body, which SQS does not take.
    """
    attributes = {"conversationId": "malformed", "queueId": queue_id, "participants": []}
    event = {"eventType": END, "eventTime": iso(START), "attributes": attributes}
    sound = json.dumps(event)

    def event_with(**fields: Any) -> str:
        return json.dumps(with_fields(event, **fields))

    def attributes_with(**fields: Any) -> str:
        return event_with(attributes=with_fields(attributes, **fields))

    return [
        Malformed("plain text", "conversation.end", "not_json"),
        Malformed("cut off", sound[:-20], "not_json"),
        Malformed("two documents", sound * 2, "not_json"),
        Malformed("a list", f"[{sound}]", "not_an_object"),
        Malformed("a string", json.dumps(sound), "not_an_object"),
        Malformed("null", "null", "not_an_object"),
        Malformed("no event type", event_with(eventType=None), "missing_event_type"),
        Malformed("numeric event type", event_with(eventType=7), "invalid_field"),
        Malformed("attributes a list", event_with(attributes=[]), "invalid_field"),
        Malformed(
            "no conversation id", attributes_with(conversationId=None), "missing_conversation_id"
        ),
        Malformed("numeric conversation id", attributes_with(conversationId=7), "invalid_field"),
        Malformed("no queue id", attributes_with(queueId=None), "missing_queue_id"),
        Malformed("numeric queue id", attributes_with(queueId=7), "invalid_field"),
        Malformed("time in words", event_with(eventTime="today"), "invalid_field"),
    ]


def with_fields(original: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a copy in which the given fields are replaced. None removes a field."""
    return {name: value for name, value in {**original, **fields}.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Leg:
    """The part of a conversation in one queue: its participants, metrics and kind."""

    queue_id: str
    kind: Kind
    participants: list[dict[str, Any]]
    metrics: dict[str, int]

    @property
    def duration(self) -> int:
        """The milliseconds that the customer spent in the queue and with its agent."""
        return sum(self.metrics.get(name, 0) for name in ("tAcd", "tTalk", "tHeld"))


class _Conversation:
    """A conversation of a customer, perhaps with a menu, and with a leg for each queue."""

    def __init__(self, rng: random.Random, ended: datetime, names: Mapping[str, str]) -> None:
        self.rng, self.ended, self.names = rng, ended, names
        self.id, self.division = random_uuid(self.rng), random_uuid(self.rng)
        self.media = rng.choices(list(MEDIA), list(MEDIA.values()))[0]
        self.direction = "OUTBOUND" if self.media == "CALLBACK" else "INBOUND"

    def events(self, queue_ids: Sequence[str], other_type_share: float) -> Iterator[Event]:
        """Yield perhaps an event of another type, then an end for each queue."""
        abandoned = self.rng.random() < ABANDONED
        *before, last = queue_ids
        legs = [self._handled(queue_id, "transferred") for queue_id in before]
        legs += [self._abandoned(last) if abandoned else self._handled(last, "answered")]
        duration = self.rng.randint(2_000, 40_000) + sum(leg.duration for leg in legs)
        started = self.ended - timedelta(milliseconds=duration)
        opening = [self._customer(started), *self._menu()]
        if self.rng.random() < other_type_share:
            early = _Leg(queue_ids[0], "other_type", opening, {})
            yield self._event(self.rng.choice(OTHER_TYPES), started, early, opening)
        everyone = opening + [participant for leg in legs for participant in leg.participants]
        for leg in legs:
            yield self._event(END, self.ended, leg, everyone)

    def _event(
        self, event_type: str, time: datetime, leg: _Leg, participants: list[dict[str, Any]]
    ) -> Event:
        attributes = {
            "conversationId": self.id,
            "queueId": leg.queue_id,
            "queue": {"id": leg.queue_id, "name": self.names[leg.queue_id]},
            "divisionId": self.division,
            "participants": participants,
            "metrics": [{"name": name, "value": value} for name, value in leg.metrics.items()],
        }
        body = {"eventType": event_type, "eventTime": iso(time), "attributes": attributes}
        return Event(body, self.id, leg.queue_id, leg.kind)

    def _abandoned(self, queue_id: str) -> _Leg:
        waited = self.rng.randint(3_000, 240_000)
        metrics = {"tAcd": waited, "tAbandon": waited, "nOffered": 1, "nTransferred": 0}
        return _Leg(queue_id, "abandoned", [self._waiting(queue_id, "PEER")], metrics)

    def _handled(self, queue_id: str, kind: Kind) -> _Leg:
        talk, held = self.rng.randint(10_000, 900_000), self.rng.choice((0, 0, 15_000, 60_000))
        after = self.rng.randint(0, 90_000)
        transferred = kind == "transferred"
        waiting = self._waiting(queue_id, "TRANSFER")
        agent = self._participant(
            "agent",
            self.rng.choice(PEOPLE),
            queueId=queue_id,
            userId=random_uuid(self.rng),
            wrapupCode=self.rng.choice(WRAPUP_CODES),
            disconnectType="TRANSFER" if transferred else "PEER",
        )
        return _Leg(
            queue_id,
            kind,
            [waiting, agent],
            {
                "tAcd": self.rng.randint(800, 240_000),
                "tTalk": talk,
                "tHeld": held,
                "tAcw": after,
                "tHandle": talk + held + after,
                "nOffered": 1,
                "nTransferred": int(transferred),
            },
        )

    def _customer(self, started: datetime) -> dict[str, Any]:
        number = f"tel:+1555555{self.rng.randint(100, 199):04}"
        addresses: dict[str, str] = {}
        if self.media in ("VOICE", "CALLBACK"):
            addresses = {"ani": number, "dnis": "tel:+15555550100"}
        elif self.media == "EMAIL":
            sender = f"customer{self.rng.randint(1, 9999)}@example.com"
            addresses = {"addressFrom": sender, "addressTo": "help@example.com"}
        return self._participant(
            "customer",
            self.rng.choice(PEOPLE),
            **addresses,
            disconnectType=self.rng.choice(FINAL_DISCONNECTS),
            connectedTime=iso(started),
            endTime=iso(self.ended),
        )

    def _menu(self) -> list[dict[str, Any]]:
        if self.media != "VOICE" or self.rng.random() < 0.2:
            return []
        flow = {"flowType": "INBOUNDCALL", "disconnectType": "TRANSFER"}
        return [self._participant("ivr", self.rng.choice(FLOWS), **flow)]

    def _waiting(self, queue_id: str, until: str) -> dict[str, Any]:
        name = self.names[queue_id]
        return self._participant("acd", name, queueId=queue_id, disconnectType=until)

    def _participant(self, purpose: str, name: str, **more: str) -> dict[str, Any]:
        return {
            "id": random_uuid(self.rng),
            "purpose": purpose,
            "name": name,
            "sessionId": random_uuid(self.rng),
            "mediaType": self.media,
            "direction": self.direction,
            **more,
        }


def random_uuid(rng: random.Random) -> str:
    """Return a random id in the format of Genesys Cloud's ids."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def iso(time: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
