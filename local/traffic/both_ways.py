"""The subscription events of a conversation whose partner events are known.

One conversation can then be sent by both deliveries, and an end means the same in both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from conversations.topics import TOPIC_PREFIX
from local.traffic.analytics import COPIED, analytics_of
from local.traffic.analytics_parts import Part, epoch_ms, event_word, given, time_of
from local.traffic.eventbridge import Conversation
from local.traffic.recorded_ends import QueueEnd
from local.traffic.subscription import END, QUEUES, Event, Kind


def subscription_events_of(
    conversation: Conversation, ends: Iterable[QueueEnd], names: Mapping[str, str] = QUEUES
) -> list[Event]:
    """Return a subscription event for each end, as Genesys Cloud knows it at the end's time.

    Parameters
    ----------
    ends
        Ends of the conversation, such as those of an end rule in `conversation.ends`. Each has the
        time of an event.
    names
        The names of the conversation's queues, keyed by id.
    """
    analytics = analytics_of(conversation.events, names)
    all_ends = list(ends)
    return [
        _event(conversation, end, _previous_ms(end, all_ends), analytics, names) for end in all_ends
    ]


def _previous_ms(end: QueueEnd, ends: Iterable[QueueEnd]) -> int:
    """Return the time of the queue's end before an end, in epoch milliseconds; 0 if none."""
    earlier = (one.at_ms for one in ends if one.queue_id == end.queue_id)
    return max((at_ms for at_ms in earlier if at_ms < end.at_ms), default=0)


def _event(
    conversation: Conversation,
    end: QueueEnd,
    previous_ms: int,
    analytics: Part,
    names: Mapping[str, str],
) -> Event:
    participants = [
        shown for each in analytics["participants"] if (shown := _participant(each, end.at_ms))
    ]
    participants[0] |= _ended_by(conversation, end.at_ms)
    values = _metrics(analytics, end, previous_ms)
    attributes = {
        "conversationId": conversation.id,
        "queueId": end.queue_id,
        "queue": {"id": end.queue_id, "name": names[end.queue_id]},
        "participants": participants,
        "metrics": [{"name": name, "value": value} for name, value in values.items()],
    }
    body = {"eventType": END, "eventTime": time_of(end.at_ms), "attributes": attributes}
    return Event(body, conversation.id, end.queue_id, _kind(values))


def _participant(participant: Part, at_ms: int) -> Part | None:
    """Return a participant with what is known at a time; None if the participant came later."""
    sessions = [
        session
        for session in participant["sessions"]
        if epoch_ms(session["segments"][0]["segmentStart"]) <= at_ms
    ]
    if not sessions:
        return None
    segments = [segment for session in sessions for segment in session["segments"]]
    begun = [each for each in segments if epoch_ms(each["segmentStart"]) <= at_ms]
    over = [each for each in begun if epoch_ms(each["segmentEnd"]) <= at_ms]
    how = _last(over, "disconnectType")
    return given(
        {
            "id": participant["participantId"],
            "purpose": participant["purpose"],
            "name": participant["participantName"],
            "sessionId": sessions[-1]["sessionId"],
            "mediaType": sessions[-1]["mediaType"].upper(),
            "direction": sessions[-1]["direction"].upper(),
            **{name: sessions[-1].get(name) for name in COPIED},
            "queueId": _last(begun, "queueId"),
            "userId": participant.get("userId"),
            "externalContactId": participant.get("externalContactId"),
            "wrapupCode": _last(over, "wrapUpCode"),
            "disconnectType": how and event_word(how),
            "connectedTime": begun[0]["segmentStart"],
            "endTime": max(each["segmentEnd"] for each in over) if over == begun else None,
        }
    )


def _last(segments: Iterable[Part], field: str) -> Any:
    """Return a field of the last segment that has it; None if no segment has it."""
    return next((each[field] for each in reversed([*segments]) if field in each), None)


def _ended_by(conversation: Conversation, at_ms: int) -> Part:
    """Return the media type, direction and disconnect type in the event at an end's time.

    A subscription event has its customer's. In a partner event, the customer or, under the end
    rule `queue_leg`, another participant may have ended the leg.
    """
    bodies = (
        event["detail"]["eventBody"]
        for event in conversation.events
        if event["detail-type"].removeprefix(TOPIC_PREFIX).endswith(".end")
    )
    body = next(each for each in bodies if each["eventTime"] == at_ms)
    return {name: body[name] for name in ("mediaType", "direction", "disconnectType")}


def _metrics(analytics: Part, end: QueueEnd, previous_ms: int) -> dict[str, int]:
    """Return the sums of the metrics since the queue's previous end that are known at the end."""
    sums: dict[str, int] = {}
    for participant in analytics["participants"]:
        for session in participant["sessions"]:
            began_ms = epoch_ms(session["segments"][0]["segmentStart"])
            in_queue = any(each.get("queueId") == end.queue_id for each in session["segments"])
            if not in_queue or began_ms <= previous_ms:
                continue
            for metric in session.get("metrics", ()):
                if epoch_ms(metric["emitDate"]) <= end.at_ms:
                    sums[metric["name"]] = sums.get(metric["name"], 0) + metric["value"]
    return sums


def _kind(values: Mapping[str, int]) -> Kind:
    if values.get("nTransferred"):
        return "transferred"
    return "answered" if "tTalk" in values else "abandoned"
