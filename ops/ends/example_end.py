"""Makes the events of an end that never was, to try out a deployed stack."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from conversations.fields import format_utc, to_epoch_ms
from conversations.topics import CUSTOMER_END, TOPIC_PREFIX


def make_bodies(
    worker_variables: Mapping[str, str], conversation_id: str, queue_id: str
) -> list[str]:
    """Return the bodies of the messages that report an end now, as the stack's delivery does.

    Parameters
    ----------
    worker_variables
        The worker's environment, which says how events reach the stack.
    """
    make_events = _MAKERS[worker_variables.get("DELIVERY", "subscription")]
    events = make_events(worker_variables, conversation_id, queue_id, datetime.now(UTC))
    return [json.dumps(event, separators=(",", ":")) for event in events]


def _make_subscription_events(
    _: Mapping[str, str], conversation_id: str, queue_id: str, ended_at: datetime
) -> list[dict[str, Any]]:
    attributes = {
        "conversationId": conversation_id,
        "queueId": queue_id,
        "participants": [
            {
                "id": str(uuid.uuid4()),
                "purpose": "customer",
                "mediaType": "VOICE",
                "direction": "INBOUND",
                "disconnectType": "ENDPOINT",
            },
            {"id": str(uuid.uuid4()), "purpose": "acd", "queueId": queue_id},
            {
                "id": str(uuid.uuid4()),
                "purpose": "agent",
                "userId": str(uuid.uuid4()),
                "queueId": queue_id,
                "disconnectType": "PEER",
            },
        ],
        "metrics": [
            {"name": "tAcd", "value": 12_000},
            {"name": "tTalk", "value": 95_000},
            {"name": "tAcw", "value": 20_000},
            {"name": "tHandle", "value": 115_000},
            {"name": "nTransferred", "value": 0},
        ],
    }
    return [
        {
            "eventType": "event:conversation:end",
            "eventTime": format_utc(ended_at),
            "attributes": attributes,
        }
    ]


def _make_partner_events(
    worker_variables: Mapping[str, str], conversation_id: str, queue_id: str, ended_at: datetime
) -> list[dict[str, Any]]:
    user_end = {"queueId": queue_id, "disconnectType": "PEER", "userId": str(uuid.uuid4())}
    bodies = {"user.end": user_end}
    # A stack with the rule `queue_leg` gets no event of the customer's end.
    if worker_variables.get("END_RULE") != "queue_leg":
        bodies[CUSTOMER_END] = {"disconnectType": "ENDPOINT"}
    return [
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": TOPIC_PREFIX + topic,
            "source": "queue-ends.send",
            "detail": {
                "topicName": (TOPIC_PREFIX + topic).replace("{id}", conversation_id),
                "version": "2",
                "eventBody": {
                    "eventTime": to_epoch_ms(ended_at),
                    "conversationId": conversation_id,
                    "participantId": str(uuid.uuid4()),
                    "mediaType": "VOICE",
                    "direction": "INBOUND",
                    "interactingDurationMs": 95_000,
                    **body,
                },
            },
        }
        for topic, body in bodies.items()
    ]


_MAKERS: Mapping[str, Callable[[Mapping[str, str], str, str, datetime], list[dict[str, Any]]]] = {
    "subscription": _make_subscription_events,
    "eventbridge": _make_partner_events,
}
