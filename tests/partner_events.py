"""Events of the EventBridge integration: sound ones, whatever else may come, and its outcome."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests import bodies
from tests.bodies import ENDED, OTHER_QUEUE, QUEUE, TELLING, Path_, is_time, mutated

SAMPLES: dict[str, str] = {
    path.stem.removeprefix("eventbridge-"): path.read_text()
    for path in sorted((Path(__file__).parent / "data").glob("eventbridge-*.json"))
}
PREFIX = "v2.detail.events.conversation.{id}."
WITH_QUEUE = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
TOPICS = (*WITH_QUEUE, "customer.end")
SETTLE = "queue-ends.settle"
BODY = ("detail", "eventBody")
ENDED_MS = int(ENDED.timestamp() * 1000)


def event(
    topic: str,
    queue_id: str | None = None,
    *,
    conversation_id: str = "c-1",
    after: float | None = 0,
    **fields: Any,
) -> str:
    """Return an event's body: of a customer who hung up, or of an agent's work in a queue.

    Parameters
    ----------
    after
        Seconds between `ENDED` and the event; None: it has no time.
    fields
        Others of the event's fields, or other values.
    """
    sample: dict[str, Any] = json.loads(SAMPLES["customer-end"])
    sample["detail-type"] = PREFIX + topic
    sample["detail"]["topicName"] = sample["detail-type"].replace("{id}", conversation_id)
    told = sample["detail"]["eventBody"]
    del told["eventTime"]
    if topic != "customer.end":
        del told["interactingDurationMs"]
    told["conversationId"] = conversation_id
    if queue_id is not None:
        told["queueId"] = queue_id
    if after is not None:
        told["eventTime"] = ENDED_MS + round(after * 1000)
    told |= fields
    return json.dumps(sample)


def settle(conversation_id: str = "c-1", after: float = 0) -> str:
    """Return what the worker sends itself for an end, `after` seconds after `ENDED`."""
    detail = {"conversationId": conversation_id, "endedAt": ENDED_MS + round(after * 1000)}
    return json.dumps({"detail-type": SETTLE, "detail": detail})


def changed(name: str, *changes: tuple[Path_, object]) -> str:
    """Return a sample with the fields at some paths replaced, or left out where it says `drop`."""
    return json.dumps(mutated(SAMPLES.get(name) or settle(), changes))


def expected(  # noqa: PLR0912 - one branch a check, as the contract lists them
    body: str | None, queue_ids: Collection[str] = (QUEUE,)
) -> tuple[str, str]:
    """Return the outcome of a body and its reason: the contract's checks in its order, plainly."""
    no_event = bodies.expected(body)
    if no_event[1] in ("empty_body", "not_json", "not_an_object"):
        return no_event
    event = bodies.consumable(json.loads(bodies.consumable(body or "")))

    topic = event.get("detail-type")
    if topic is None:
        return "rejected", "missing_event_type"
    if not isinstance(topic, str):
        return "rejected", "invalid_field"
    if topic not in (SETTLE, *(PREFIX + each for each in TOPICS)):
        return "ignored", "other_event_type"

    told = event.get("detail")
    if not isinstance(told, dict):
        return "rejected", "invalid_field"
    if topic != SETTLE:
        told = told.get("eventBody")
        if not isinstance(told, dict):
            return "rejected", "invalid_field"

    conversation_id = told.get("conversationId")
    if conversation_id is None or conversation_id == "":
        return "rejected", "missing_conversation_id"
    if not isinstance(conversation_id, str) or len(conversation_id.encode()) > 2048:
        return "rejected", "invalid_field"

    if topic == SETTLE:
        at = told.get("endedAt")
        sound = at is not None and is_time(at)
        return ("event", "") if sound else ("rejected", "invalid_field")

    queue_id = told.get("queueId") if topic != PREFIX + "customer.end" else None
    if queue_id is not None and not isinstance(queue_id, str):
        return "rejected", "invalid_field"
    time = told.get("eventTime")
    if time is not None and not is_time(time):
        return "rejected", "invalid_field"
    if topic != PREFIX + "customer.end" and queue_id not in queue_ids:
        return "ignored", "other_queue"
    return "event", ""


NEEDED: list[Path_] = [
    ("detail-type",),
    ("detail",),
    BODY,
    *((*BODY, key) for key in ("conversationId", "queueId", "eventTime")),
]
READ: list[Path_] = [
    *((*BODY, key) for key in ("disconnectType", "acdOutcome", "interactingDurationMs")),
    *((*BODY, key) for key in ("mediaType", "direction")),
    ("detail", "conversationId"),
    ("detail", "endedAt"),
]
_VALUES = ["drop", "wrap", *TELLING, *(PREFIX + topic for topic in TOPICS), SETTLE, PREFIX]
_VALUES += [-62_135_596_800_000, 253_402_300_799_999, 253_402_300_800_000, "TRANSFER", "NEW_VALUE"]
_CHANGES = [(path, value) for path in NEEDED * 2 + READ for value in (*_VALUES, QUEUE, OTHER_QUEUE)]
_few = st.sampled_from(_CHANGES + [(("no", "such", "path"), None)] * len(_CHANGES))
_changes = st.sampled_from(_CHANGES)
mutated_events = st.builds(
    mutated, st.sampled_from([*SAMPLES.values(), settle()]), st.tuples(_few, _few, _changes)
)
"""A sample, or what the worker sends itself, with fields dropped, wrapped or replaced."""
