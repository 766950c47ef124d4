"""Made-up conversations as analytics have them, from the subscription events of their ends.

The events have participants and durations, but few times. The legs follow one another, and the
times follow from the durations.
"""

from collections.abc import Sequence
from typing import Any

from local.traffic.analytics_parts import (
    NOTE,
    Part,
    agent_segments,
    analytics_word,
    epoch_ms,
    given,
    metrics,
    segment,
    time_of,
)
from local.traffic.subscription import Event

ADDRESSES = ("ani", "dnis", "addressFrom", "addressTo")
AGENT_METRICS = ("tTalk", "tHeld", "tAcw", "tHandle", "nTransferred")
"""The metrics of the agent's session. All others belong to the wait. If there was no agent, all
metrics do."""
UNKNOWN_LEG = {"tAcd": 500, "tTalk": 500}
"""The durations of a leg whose end is not among the events."""


def analytics_of_ends(ends: Sequence[Event]) -> dict[str, Any]:
    """Return a conversation as analytics have it once it is over.

    Parameters
    ----------
    ends
        The ends of the conversation, one for each of its queues. The conversation is over at the
        latest of their times.
    """
    attributes = [end.body["attributes"] for end in ends]
    everyone: list[Part] = attributes[0]["participants"]
    customer = everyone[0]
    ended_ms = max(epoch_ms(end.body["eventTime"]) for end in ends)
    # An event's time may have been replaced; the conversation's duration stays.
    started_ms = ended_ms - epoch_ms(customer["endTime"]) + epoch_ms(customer["connectedTime"])
    of_queue = {
        each["queueId"]: {metric["name"]: metric["value"] for metric in each["metrics"]}
        for each in attributes
    }
    timeline = _Timeline(ended_ms, everyone, of_queue)
    menus = [
        _participant(
            each, segment("ivr", started_ms, timeline.opened_ms, disconnectType="transfer")
        )
        for each in everyone
        if each["purpose"] == "ivr"
    ]
    how = analytics_word(customer["disconnectType"])
    stay = segment("interact", started_ms, ended_ms, disconnectType=how)
    return {
        "conversationId": ends[0].conversation_id,
        "conversationStart": time_of(started_ms),
        "conversationEnd": time_of(ended_ms),
        "originatingDirection": customer["direction"].lower(),
        "divisionIds": [attributes[0]["divisionId"]],
        "participants": [_participant(customer, stay), *menus, *timeline.participants],
    }


class _Timeline:
    """The waits and the agents of a conversation, which end one after the other.

    Attributes
    ----------
    opened_ms
        When the first wait began.
    participants
        The queues and the agents as analytics have them.
    """

    def __init__(
        self, ended_ms: int, everyone: Sequence[Part], of_queue: dict[str, dict[str, int]]
    ) -> None:
        self.participants: list[Part] = []
        self._of_queue = of_queue
        legs = [each for each in everyone if each["purpose"] in ("acd", "agent")]
        durations = [self._duration(leg) for leg in legs]
        self.opened_ms = at_ms = ended_ms - sum(durations)
        with_agent = {leg["queueId"] for leg in legs if leg["purpose"] == "agent"}
        for leg, duration in zip(legs, durations, strict=True):
            values = self._values(leg)
            is_alone = leg["queueId"] not in with_agent
            if leg["purpose"] == "acd":
                own = {n: v for n, v in values.items() if is_alone or n not in AGENT_METRICS}
                self.participants.append(_wait(leg, at_ms, at_ms + duration, own))
            else:
                own = {n: values[n] for n in AGENT_METRICS if n in values}
                self.participants.append(_agent(leg, at_ms, at_ms + duration, own))
            at_ms += duration

    def _values(self, leg: Part) -> dict[str, int]:
        return self._of_queue.get(leg["queueId"], UNKNOWN_LEG)

    def _duration(self, leg: Part) -> int:
        names = ("tAcd",) if leg["purpose"] == "acd" else ("tTalk", "tHeld")
        return sum(self._values(leg).get(name, 0) for name in names)


def _wait(leg: Part, began_ms: int, ended_ms: int, values: dict[str, int]) -> Part:
    how = analytics_word(leg["disconnectType"])
    stay = segment("interact", began_ms, ended_ms, queueId=leg["queueId"], disconnectType=how)
    waited = {"tWait": ended_ms - began_ms}
    return _participant(leg, stay, values=metrics(ended_ms, values | waited))


def _agent(leg: Part, began_ms: int, ended_ms: int, values: dict[str, int]) -> Part:
    queue_id, how = leg["queueId"], analytics_word(leg["disconnectType"])
    talk = agent_segments(began_ms, ended_ms, values.get("tHeld", 0), queue_id, how)
    done_ms = ended_ms + values.get("tAcw", 0)
    code = leg["wrapupCode"]
    wrapup = {"queueId": queue_id, "wrapUpCode": code, "wrapUpNote": NOTE}
    work = segment("wrapup", ended_ms, done_ms, **wrapup)
    return _participant(leg, *talk, work, values=metrics(done_ms, values))


def _participant(participant: Part, *segments: Part, values: Sequence[Part] = ()) -> Part:
    """Return a participant with one session."""
    session = {
        "sessionId": participant["sessionId"],
        "mediaType": participant["mediaType"].lower(),
        "direction": participant["direction"].lower(),
        **given({name: participant.get(name) for name in ADDRESSES}),
        "segments": list(segments),
        **({"metrics": list(values)} if values else {}),
    }
    return {
        "participantId": participant["id"],
        "participantName": participant["name"],
        "purpose": participant["purpose"],
        **given({"userId": participant.get("userId")}),
        "sessions": [session],
    }
