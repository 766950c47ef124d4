"""Made-up conversations as analytics have them, from the partner events of the conversations.

The result is JSON in the form of the SDK's model `AnalyticsConversationWithoutAttributes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.topics import TOPIC_PREFIX
from local.traffic.analytics_parts import (
    NOTE,
    Part,
    agent_segments,
    analytics_word,
    flow_name,
    metrics,
    person_name,
    segment,
    time_of,
)
from local.traffic.builder import Event
from local.traffic.subscription import QUEUES

PURPOSES = {"customer": "customer", "flow": "ivr", "acd": "acd"}
"""Keyed by the first word of a topic: the purpose of its participant; `agent` for all others."""
COPIED = ("provider", "ani", "dnis", "addressFrom", "addressTo", "callbackNumbers")
"""The fields of events that are also fields of sessions."""
OUTCOMES = {"ABANDON": "tAbandon", "ANSWERED": "tAnswered", "FLOW_OUT": "tFlowOut"}
"""Keyed by the outcome of a wait: the metric that has its duration besides `tAcd`."""


@dataclass(frozen=True, slots=True)
class _Told:
    """The information about a session in one event."""

    topic: str
    at_ms: int
    body: Mapping[str, Any]


def analytics_of(events: Sequence[Event], names: Mapping[str, str] = QUEUES) -> dict[str, Any]:
    """Return a conversation as analytics have it once it is over.

    Parameters
    ----------
    events
        All partner events of the conversation, in order of time.
    names
        The names of the conversation's queues, keyed by id.
    """
    told = [
        _Told(
            event["detail-type"].removeprefix(TOPIC_PREFIX),
            event["detail"]["eventBody"]["eventTime"],
            event["detail"]["eventBody"],
        )
        for event in events
    ]
    ended_ms = max(each.at_ms for each in told if each.topic.endswith(".end"))
    participants: dict[str, dict[str, list[_Told]]] = {}
    for each in told:
        sessions = participants.setdefault(each.body["participantId"], {})
        sessions.setdefault(each.body["sessionId"], []).append(each)
    first = told[0]
    return {
        "conversationId": first.body["conversationId"],
        "conversationStart": time_of(first.at_ms),
        "conversationEnd": time_of(ended_ms),
        "originatingDirection": first.body["direction"].lower(),
        "conversationInitiator": "customer",
        "participants": [
            _participant(list(sessions.values()), first, ended_ms, names)
            for sessions in participants.values()
        ],
    }


def _participant(
    sessions: Sequence[Sequence[_Told]], first: _Told, ended_ms: int, names: Mapping[str, str]
) -> Part:
    """Return a participant; a customer who is not the first is an external party."""
    told = [each for session in sessions for each in session]
    participant_id, purpose = told[0].body["participantId"], _purpose(told)
    match purpose:
        case "ivr":
            name = flow_name(participant_id)
        case "acd":
            name = names[told[0].body["queueId"]]
        case _:
            name = person_name(participant_id)
    is_external = purpose == "customer" and participant_id != first.body["participantId"]
    return {
        "participantId": participant_id,
        "participantName": name,
        "purpose": "external" if is_external else purpose,
        **_first_given(told, "userId", "externalContactId"),
        "sessions": [_session(each, ended_ms) for each in sessions],
    }


def _purpose(told: Sequence[_Told]) -> str:
    return PURPOSES.get(told[0].topic.partition(".")[0], "agent")


def _session(told: Sequence[_Told], conversation_ended_ms: int) -> Part:
    """Return a session; one that does not end by an event ends with the conversation."""
    begin = told[0]
    end = next((each for each in told if each.topic.endswith(".end")), None)
    ended_ms = end.at_ms if end else conversation_ended_ms
    how = analytics_word(end.body["disconnectType"]) if end else None
    queue_id = begin.body.get("queueId")
    match _purpose(told):
        case "ivr":
            parts = {
                "flow": {"flowType": begin.body["flowType"]},
                "segments": [segment("ivr", begin.at_ms, ended_ms, disconnectType=how)],
            }
        case "acd":
            parts = {
                "segments": [
                    segment("interact", begin.at_ms, ended_ms, queueId=queue_id, disconnectType=how)
                ],
                "metrics": metrics(ended_ms, _wait_metrics(begin.at_ms, ended_ms, end)),
            }
        case "agent":
            parts = _agent_parts(told, queue_id, ended_ms, how)
        case _:
            parts = {"segments": [segment("interact", begin.at_ms, ended_ms, disconnectType=how)]}
    return {
        "sessionId": begin.body["sessionId"],
        "mediaType": begin.body["mediaType"].lower(),
        "direction": begin.body["direction"].lower(),
        **_first_given(told, *COPIED),
        **parts,
    }


def _wait_metrics(began_ms: int, ended_ms: int, end: _Told | None) -> dict[str, int]:
    waited = ended_ms - began_ms
    outcome = OUTCOMES.get(end.body["acdOutcome"]) if end else None
    values = {"nOffered": 1, "tAcd": waited, "tWait": waited}
    return values | ({outcome: waited} if outcome else {})


def _agent_parts(
    told: Sequence[_Told], queue_id: str | None, ended_ms: int, how: str | None
) -> Part:
    """Return the segments and metrics of an agent's session, with the after-call work."""
    began_ms = told[0].at_ms
    durations = _first_given(told, "alertingDurationMs", "heldDurationMs")
    if alerted := durations.get("alertingDurationMs"):
        rang = segment("alert", began_ms, ended_ms, queueId=queue_id, disconnectType=how)
        values = {"tAlert": alerted, "tNotResponding": alerted}
        return {"segments": [rang], "metrics": metrics(ended_ms, values)}
    held = durations.get("heldDurationMs", 0)
    segments = agent_segments(began_ms, ended_ms, held, queue_id, how)
    # The event may lack the duration of the talk, but analytics always have it.
    values = {"tTalk": ended_ms - began_ms - held} | ({"tHeld": held} if held else {})
    transfer = {"nTransferred": 1} if (how or "").lower().endswith("transfer") else {}
    work = [each for each in told if each.topic == "acw"]
    worked = {"tAcw": sum(each.body["wrapupDurationMs"] for each in work)} if work else {}
    handled = {"tHandle": sum((values | worked).values())}
    for each in work:
        began = max(ended_ms, each.at_ms - each.body["wrapupDurationMs"])
        code = each.body["wrapupCode"]
        wrapup = {"queueId": queue_id, "wrapUpCode": code, "wrapUpNote": NOTE}
        segments.append(segment("wrapup", began, each.at_ms, **wrapup))
    done_ms = max([ended_ms, *(each.at_ms for each in work)])
    return {
        "segments": segments,
        "metrics": metrics(ended_ms, values | transfer) + metrics(done_ms, worked | handled),
    }


def _first_given(told: Sequence[_Told], *names: str) -> Part:
    """Return the named fields of events, each from the first event that has it."""
    found: Part = {}
    for each in reversed(told):
        found |= {name: each.body[name] for name in names if name in each.body}
    return {name: found[name] for name in names if name in found}
