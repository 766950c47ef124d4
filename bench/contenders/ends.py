"""The steps that the worker's peers have in common."""

from typing import Any


def end_fields(event: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that identify an end, from a subscription event or a partner event."""
    attributes = event.get("attributes") or event["detail"]["eventBody"]
    return {
        "conversationId": attributes["conversationId"],
        "queueId": attributes["queueId"],
        "eventTime": event.get("eventTime") or attributes["eventTime"],
    }


def put_on_bus(eventbridge: Any, body: str) -> None:
    """Put the event in a message's body on a bus."""
    entry = {
        "EventBusName": "QueueEndsdevEndsBus1A2B3C4D",
        "Source": "queue-ends",
        "DetailType": "Conversation Ended",
        "Detail": body,
    }
    response = eventbridge.put_events(Entries=[entry])
    if response["FailedEntryCount"]:
        raise RuntimeError(response["Entries"][0]["ErrorCode"])
