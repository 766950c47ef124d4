"""The steps that the worker's peers have in common."""

from typing import Any


def find_end(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the fields that identify the end in an event; None if there is no end in it.

    A subscription event is an end. A partner event is one as with the end rule `queue_leg`: the
    customer has given up waiting, or an agent who talked has left without a transfer.
    """
    fields = event.get("attributes") or event["detail"]["eventBody"]
    if "detail" in event:
        has_given_up = fields.get("acdOutcome") == "ABANDON"
        has_talked = fields.get("interactingDurationMs", 0) > 0
        is_transfer = fields.get("disconnectType", "").endswith("TRANSFER")
        if not has_given_up and (not has_talked or is_transfer):
            return None
    return {
        "conversationId": fields["conversationId"],
        "queueId": fields["queueId"],
        "eventTime": event.get("eventTime") or fields["eventTime"],
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
