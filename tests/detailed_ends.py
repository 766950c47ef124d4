"""Ends whose details Genesys Cloud's analytics gave, or did not give in time."""

import dataclasses
from typing import Any

from conversations.end import ConversationEnd
from tests.bodies import QUEUE
from tests.fakes.ends import make_end, sample_end

AGENT = "9b2e4c1d-7a55-4c5e-8a3d-0c9d1e2f3a4b"
RESOLVED = "3f1c2b7e-5d0a-4a8e-9c55-7be1f0a2d901"
PERSONAL = {"name": "Ada Example", "addresses": ["tel:+15551234567"], "notes": ["Will call again."]}


def complete_end(*, personal: bool = False) -> ConversationEnd:
    """Return the sample end with details.

    Parameters
    ----------
    personal
        Whether the participants have personal data, as with `details_personal = true`.
    """
    participants = [
        make_participant(
            "6d9f7f2a-0a6b-4a59-9a3f-2c1f5a1b0001",
            "customer",
            external_contact_id="b0a7c1de-2f43-4c55-8d0e-64d1f9a3c802",
            disconnect_types=["ENDPOINT"],
            started_at="2026-11-23T09:54:40.500Z",
            ended_at="2026-11-23T10:00:00.000Z",
        ),
        make_participant(
            "6d9f7f2a-0a6b-4a59-9a3f-2c1f5a1b0002",
            "acd",
            queue_ids=[QUEUE],
            disconnect_types=["TRANSFER"],
            started_at="2026-11-23T09:55:12.072Z",
            ended_at="2026-11-23T09:55:51.746Z",
        ),
        make_participant(
            "6d9f7f2a-0a6b-4a59-9a3f-2c1f5a1b0003",
            "agent",
            user_id=AGENT,
            queue_ids=[QUEUE],
            wrapup_codes=[RESOLVED],
            disconnect_types=["PEER"],
            started_at="2026-11-23T09:55:45.746Z",
            ended_at="2026-11-23T10:00:32.000Z",
        ),
    ]
    if personal:
        participants = [participant | PERSONAL for participant in participants]
    return dataclasses.replace(
        sample_end(),
        participants=participants,
        metrics=make_metrics(
            nOffered=1, tAcd=39674, tAcw=32000, tHandle=280254, tHeld=30733, tTalk=217521
        ),
        source="eventbridge",
        details="complete",
        conversation_start="2026-11-23T09:54:40.500Z",
    )


def missing_end() -> ConversationEnd:
    """Return an end that was delivered without details: the values of the event are all it has."""
    customer = make_participant("p-1", "customer", media_types=[], disconnect_types=["ENDPOINT"])
    return dataclasses.replace(
        make_end(), participants=[customer], metrics=make_metrics(tTalk=217521), details="missing"
    )


def make_participant(participant_id: str, purpose: str, **fields: Any) -> dict[str, Any]:
    """Return a participant in the shape that analytics give; `fields` replace the empty values."""
    empty: dict[str, Any] = {
        "participant_id": participant_id,
        "purpose": purpose,
        "user_id": None,
        "external_contact_id": None,
        "queue_ids": [],
        "media_types": ["VOICE"],
        "wrapup_codes": [],
        "disconnect_types": [],
        "started_at": None,
        "ended_at": None,
    }
    assert fields.keys() <= empty.keys()
    return empty | fields


def make_metrics(**values: int) -> list[dict[str, Any]]:
    """Return metrics in the shape that analytics give."""
    return [{"name": name, "value": value} for name, value in sorted(values.items())]
