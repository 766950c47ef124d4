"""Conversations in analytics, as the JSON of Genesys Cloud; times are in minutes after `ENDED`."""

from datetime import timedelta
from typing import Any

from conversations.fields import format_utc
from tests.bodies import ENDED, OTHER_QUEUE, QUEUE

Json = dict[str, Any]

ENDED_MS = int(ENDED.timestamp() * 1000)
CONVERSATION_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
IDS = [f"6d9f7f2a-0a6b-4a59-9a3f-2c1f5a1b000{number}" for number in range(1, 8)]
USER_ID = "9b2e4c1d-7a55-4c5e-8a3d-0c9d1e2f3a4b"


def at(minutes: float) -> str:
    return format_utc(ENDED + timedelta(minutes=minutes))


def at_ms(minutes: float) -> int:
    return ENDED_MS + round(minutes * 60_000)


def segment(start: float, end: float | None, queue_id: str | None = None, **fields: Any) -> Json:
    """Return a segment; without `end`, it is still open."""
    segment: Json = {"segmentStart": at(start), "segmentType": "interact", "conference": False}
    if end is not None:
        segment["segmentEnd"] = at(end)
    if queue_id is not None:
        segment["queueId"] = queue_id
    return segment | fields


def session(*segments: Json, media_type: str = "voice", **fields: Any) -> Json:
    return {"mediaType": media_type, "segments": [*segments], **fields}


def participant(number: int, purpose: str, *sessions: Json, **fields: Any) -> Json:
    """Return a participant with one of `IDS`."""
    sessions_list = [*sessions]
    return {
        "participantId": IDS[number - 1],
        "purpose": purpose,
        "sessions": sessions_list,
        **fields,
    }


def conversation(*participants: Json, end: float | None = 0, **fields: Any) -> Json:
    """Return a conversation that began ten minutes before `ENDED`; without `end`, it goes on."""
    ended = {} if end is None else {"conversationEnd": at(end)}
    return {
        "conversationId": CONVERSATION_ID,
        "conversationStart": at(-10),
        "originatingDirection": "inbound",
        "participants": [*participants],
        **ended,
        **fields,
    }


def metric(name: str, value: int) -> Json:
    return {"name": name, "value": value, "emitDate": at(0)}


def customer(end: float | None = 0, **fields: Any) -> Json:
    segments = (segment(-10, -9), segment(-9, end, disconnectType="endpoint"))
    return participant(1, "customer", session(*segments), **fields)


def acd(queue_id: str = QUEUE, start: float = -9, end: float | None = -8, *metrics: Json) -> Json:
    waiting = segment(start, end, queue_id, disconnectType="transfer")
    return participant(2, "acd", session(waiting, metrics=[*metrics]))


def agent(
    queue_id: str = QUEUE, start: float = -8, end: float | None = 1, *metrics: Json, number: int = 3
) -> Json:
    """Return an agent, who talks for four minutes and then does after-call work until `end`."""
    talking = segment(start, start + 4, queue_id, disconnectType="peer")
    after_call = segment(start + 4, end, queue_id, wrapUpCode="sold")
    talk = session(talking, after_call, metrics=[*metrics])
    return participant(number, "agent", talk, userId=USER_ID)


def answered(end: float | None = 0, acw_end: float | None = 1) -> Json:
    """Return a conversation that an agent in `QUEUE` has answered, after `OTHER_QUEUE`."""
    waits = [metric("tAcd", 60_000), metric("nOffered", 1), metric("tWait", 60_000)]
    talks = [metric("tTalk", 200_000), metric("tHandle", 240_000), metric("nTransferred", 0)]
    return conversation(
        customer(end),
        participant(7, "ivr", session(segment(-10, -9, disconnectType="transfer"))),
        acd(QUEUE, -9, -8, *waits),
        agent(QUEUE, -8, acw_end, *talks),
        agent(OTHER_QUEUE, -8, -4, metric("tTalk", 5), number=4),
        end=end,
    )
