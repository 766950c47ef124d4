"""Message bodies: a sound one, whatever else may come, and what the contract makes of each."""

import copy
import itertools
import json
import math
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from conversations.parsed import Accepted, Ignored, IgnoreReason, Rejected, RejectReason
from conversations.partner_event import PartnerEvent

SAMPLE_TEXT = (Path(__file__).parent / "data/subscription-conversation-end.json").read_text()
SAMPLE: dict[str, Any] = json.loads(SAMPLE_TEXT)
QUEUE: str = SAMPLE["attributes"]["queueId"]
OTHER_QUEUE = "ffffffff-0000-4000-8000-000000000000"
EVENT_TYPE = "event:conversation:end"
ENDED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
# Stands in for what must not be logged; every text that is one has it.
CANARY = "kanarienvogel"

Path_ = tuple[str | int, ...]


def end(
    conversation_id: str = "c-1", *, queue_id: str = QUEUE, after: float | None = 0, name: str = ""
) -> str:
    """Return the body of a conversation's end.

    Parameters
    ----------
    after
        Seconds between `ENDED` and the end; None: the event has no time.
    name
        The queue's and a participant's name.
    """
    event = json.loads(SAMPLE_TEXT)
    attributes = event["attributes"]
    attributes |= {"conversationId": conversation_id, "queueId": queue_id}
    attributes["queue"] |= {"id": queue_id, "name": name}
    attributes["participants"][0] |= {"name": name, "ani": f"tel:+1555{name}"}
    del event["eventTime"]
    if after is not None:
        event["eventTime"] = (ENDED + timedelta(seconds=after)).isoformat()
    return json.dumps(event)


def without(*path: str | int) -> str:
    """Return the sample without the field at a path."""
    return json.dumps(_mutated([(path, "drop")]))


def having(*path: str | int, value: object) -> str:
    """Return the sample with another value at a path."""
    return json.dumps(_mutated([(path, value)]))


def expected(  # noqa: PLR0912 - one branch a check, as the contract lists them
    body: str | None, queue_ids: Collection[str] = (QUEUE,)
) -> tuple[str, str]:
    """Return the outcome of a body and its reason: the contract's checks in its order, plainly."""
    if not body:
        return "rejected", "empty_body"
    try:
        event = consumable(json.loads(consumable(body), parse_constant=_no_constant))
    except (ValueError, RecursionError):
        return "rejected", "not_json"
    if not isinstance(event, dict):
        return "rejected", "not_an_object"

    if event.get("eventType") is None:
        return "rejected", "missing_event_type"
    if not isinstance(event["eventType"], str):
        return "rejected", "invalid_field"
    if event["eventType"] != EVENT_TYPE:
        return "ignored", "other_event_type"

    attributes = event.get("attributes")
    if not isinstance(attributes, dict):
        return "rejected", "invalid_field"

    conversation_id = attributes.get("conversationId")
    if conversation_id is None or conversation_id == "":
        return "rejected", "missing_conversation_id"
    if not isinstance(conversation_id, str) or len(conversation_id.encode()) > 2048:
        return "rejected", "invalid_field"

    queue_id = attributes.get("queueId")
    if queue_id is None or queue_id == "":
        queue = attributes.get("queue")
        if queue is not None and not isinstance(queue, dict):
            return "rejected", "invalid_field"
        queue_id = queue.get("id") if queue else None
    if queue_id is None or queue_id == "":
        return "rejected", "missing_queue_id"
    if not isinstance(queue_id, str):
        return "rejected", "invalid_field"

    time = event.get("eventTime")
    if time is not None and not (isinstance(time, str) and is_time(time)):
        return "rejected", "invalid_field"

    return ("accepted", "") if queue_id in queue_ids else ("ignored", "other_queue")


def outcome_in_words(parsed: Accepted | PartnerEvent | Ignored | Rejected) -> tuple[str, str]:
    """Return what was read of a body in the words of `expected`, after a look at the detail."""
    match parsed:
        case Rejected(reason, detail):
            assert reason in get_args(RejectReason)
            assert detail.isascii()
            assert detail.isprintable()
            assert CANARY not in detail
            return "rejected", reason
        case Ignored(reason):
            assert reason in get_args(IgnoreReason)
            return "ignored", reason
    return ("event" if isinstance(parsed, PartnerEvent) else "accepted"), ""


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def consumable(value: Any) -> Any:
    """Return a value without halves of surrogate pairs, and without numbers beyond a double."""
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [consumable(each) for each in value]
        case dict():
            return {consumable(key): consumable(member) for key, member in value.items()}
    return value


def is_time(value: object) -> bool:
    """Return whether a value is a time between the years 1 and 9999: ISO 8601 or epoch ms."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        else:
            datetime(1970, 1, 1) + timedelta(milliseconds=int(value))
    except (ValueError, OverflowError):
        return False
    return True


def paths(value: object, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the places of all members and elements of a value."""
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        yield (*path, key)
        yield from paths(member, (*path, key))


def _mutated(changes: Iterable[tuple[Path_, object]]) -> dict[str, Any]:
    return mutated(SAMPLE_TEXT, changes)


def mutated(text: str, changes: Iterable[tuple[Path_, object]]) -> dict[str, Any]:
    """Return an event with changes; one whose place an earlier change took away is left out."""
    event: dict[str, Any] = json.loads(text)
    for path, change in changes:
        holder: Any = event
        try:
            for key in path[:-1]:
                holder = holder[key]
            if change == "drop":
                del holder[path[-1]]
            elif change == "wrap":
                holder[path[-1]] = [holder[path[-1]]]
            else:
                holder[path[-1]] = copy.deepcopy(change)
        except (KeyError, IndexError, TypeError):
            pass
    return event


NEEDED: list[Path_] = [
    ("eventType",),
    ("eventTime",),
    ("attributes",),
    ("attributes", "conversationId"),
    ("attributes", "queueId"),
    ("attributes", "queue"),
    ("attributes", "queue", "id"),
]

# Values that the checks could take for something else, and some that are only odd.
TELLING: list[object] = [None, "", " ", 0, 1, True, [], {}, {"id": QUEUE}, QUEUE, OTHER_QUEUE]
TELLING += [EVENT_TYPE, "event:conversation:start", CANARY, 1_795_341_600_000, 1.5, "12:00"]
TELLING += ["2026-11-23T10:00:00Z", "2026-11-23", "2026-13-01", [[]], [None], {"": {}}, {"id": 1}]
TELLING += ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "é😀\u2028\x7f", "\\", '"']
TELLING += [10**18, -(10**300), 1.7e308, 5e-324, "long" * 100]

telling = st.sampled_from(TELLING)
_keys = st.sampled_from([*dict.fromkeys(itertools.chain(*NEEDED)), "", "é", "other"])
_objects = st.dictionaries(_keys, telling, max_size=3)
values = (
    telling
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(telling, max_size=3)
    | _objects
    | st.dictionaries(_keys, _objects, max_size=2)
)
"""JSON of any kind."""

# Few draws, each from a long list: a thousand examples are to take about a second.
_PATHS = [*NEEDED * 4, *paths(SAMPLE)]
_CHANGES = [(path, change) for path in _PATHS for change in (*["drop", "wrap"] * 3, *TELLING)]
# With one of its two queue ids gone the other one counts.
_LITTLE: list[tuple[Path_, object]] = [
    (("no", "such", "path"), None),
    (("attributes", "queueId"), "drop"),
    (("attributes", "queue"), "drop"),
]
_few_changes = st.sampled_from(_CHANGES + _LITTLE * (len(_CHANGES) // 3))
mutated_events = st.tuples(_few_changes, _few_changes, st.sampled_from(_CHANGES)).map(_mutated)
"""The sample with one to three fields dropped, wrapped or replaced at any place."""


def _edited(edits: tuple[int, tuple[int, str], int, tuple[int, str]]) -> str:
    text = SAMPLE_TEXT
    for start, (removed, inserted) in (edits[:2], edits[2:]):
        text = text[:start] + inserted + text[start + removed :]
    return text


_INSERTED = [*'{}[]",:\\/012.eE+-tfnud\x00\n\t \ud800é😀', "", "", "", "null", "{}", "[]"]
_INSERTED += ['"\\ud83d"', "1e999", "NaN", "-Infinity", "\ufeff"]
_EDITS = [(removed, inserted) for removed in (0, 1, 2) for inserted in _INSERTED]
_position = st.integers(0, len(SAMPLE_TEXT))
edited_texts = st.tuples(
    *(_position, st.sampled_from(_EDITS)),
    *(_position, st.sampled_from(_EDITS + [(0, "")] * len(_EDITS))),
).map(_edited)
"""The sample's text with characters inserted, removed or replaced at one or two places."""

bodies = (
    mutated_events.map(json.dumps)
    | values.map(json.dumps)
    | edited_texts
    | st.text(st.characters(), max_size=5)
)
"""Whatever may come."""
