"""Values that must never be logged, unmistakable, and messages that hold them in every field."""

import base64
import copy
import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from hypothesis import strategies as st

from tests.bodies import SAMPLE, Path_, paths
from tests.partner_events import SAMPLES, settle

Delivery = Literal["subscription", "eventbridge"]

PERSONAL = {
    "phone": "15550148273",
    "name": "Quagmire-Zebulon",
    "address": "zq@kanarienvogel.example",
    "text": "pelican in the rowing boat",
}
"""What messages may hold of people, by what it is."""
CLIENT_SECRET = "Sx7-canary-of-the-client"
TOKEN = "tk-canary-0f-the-login"
WEBHOOK_KEY = base64.b64encode(b"canary of the webhook's key").decode()
WEBHOOK_SECRET = f"whsec_{WEBHOOK_KEY}"
ANSWER_SIGNATURE = "canary-in-the-presigned-url"
SECRETS = (CLIENT_SECRET, TOKEN, WEBHOOK_KEY, ANSWER_SIGNATURE)
ALL = (*PERSONAL.values(), *SECRETS)
TEXT = ", ".join(ALL)
"""All of them, as the text of an error may quote them."""

# Fields that decide what becomes of a message: with a canary in one of them it is rejected or
# ignored. The ids of conversations may be logged, so that none is a canary.
_DECIDING = ("eventType", "eventTime", "conversationId", "queueId", "detail-type", "attributes")
_MAY_BE_LOGGED = "conversationId"


def found_in(text: str) -> list[str]:
    """Return the canaries that a text holds, in whichever case, as they are or in base64."""
    lower = text.lower()
    return [
        canary
        for canary in ALL
        if canary.lower() in lower or any(form in text for form in _in_base64(canary))
    ]


@functools.cache
def seeded(delivery: Delivery) -> Sequence[str]:
    """Return bodies with a canary in every field: as it is, nested, as a key, of a wrong type.

    They are sound and unsound ones: such as are processed, ignored and rejected. Each is ASCII,
    so that SQS takes it.
    """
    if delivery == "subscription":
        events = [SAMPLE]
    else:
        events = [json.loads(sample) for sample in SAMPLES.values()]
        events.append(json.loads(settle()))
    told = [_everywhere(event) for event in events]
    told += [
        changed
        for event, whole in zip(events, told[:], strict=True)
        for path in paths(event)
        for changed in _changed_at(path, whole)
    ]
    return [*dict.fromkeys([*map(json.dumps, told), *_no_events()])]


def attributes() -> dict[str, dict[str, Any]]:
    """Return a message's attributes, spelt as Lambda spells them, with canaries in each part."""
    name, phone = PERSONAL["name"], PERSONAL["phone"]
    binary = base64.b64encode(PERSONAL["text"].encode()).decode()
    return {
        name: {"stringValue": name, "dataType": "String"},
        "own": {"stringValue": TEXT, "dataType": f"String.{name}"},
        "number": {"stringValue": phone, "dataType": "Number"},
        "binary": {"binaryValue": binary, "dataType": "Binary"},
        "wrong": {"binaryValue": TEXT, "dataType": "Binary"},
    }


def broken(delivery: Delivery) -> st.SearchStrategy[str]:
    """Return a strategy for seeded bodies that end too early, or have something in their way."""
    whole = seeded(delivery)
    longest = max(map(len, whole))
    in_the_way = st.sampled_from(["", "", *'"\\{}[],:\x00\n', "\\ud800", "1e999", *ALL])

    def edited(body: str, start: int, removed: int, inserted: str) -> str:
        start %= len(body) + 1
        return body[:start] + inserted + (body[start + removed :] if removed < 3 else "")

    return st.builds(
        edited, st.sampled_from(whole), st.integers(0, longest), st.integers(0, 3), in_the_way
    )


def _everywhere(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with canaries in all that does not decide what becomes of it."""
    event = copy.deepcopy(event)
    for holder in [event, *_holders(event)]:
        for key, value in holder.items():
            decides = key in _DECIDING or (holder is not event and key == "id")
            if isinstance(value, str) and not decides and key != "topicName":
                holder[key] = TEXT
        holder |= {**PERSONAL, TEXT: [TEXT], PERSONAL["name"]: {TOKEN: PERSONAL["phone"]}}
    return event


def _changed_at(path: Path_, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in (TEXT, PERSONAL["phone"], int(PERSONAL["phone"]), {TEXT: TEXT}, [TEXT], None):
        if path[-1] == _MAY_BE_LOGGED and isinstance(value, str):
            continue
        changed: Any = copy.deepcopy(event)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        yield changed


def _holders(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects in a value."""
    match value:
        case dict() as members:
            for member in list(members.values()):
                if isinstance(member, dict):
                    yield member
                yield from _holders(member)
        case list() as elements:
            for element in elements:
                if isinstance(element, dict):
                    yield element
                yield from _holders(element)


def _no_events() -> list[str]:
    as_json = json.dumps(TEXT)
    texts = [TEXT, as_json, f"[{as_json}]", f'{{{as_json}: "', f"{{{as_json}: 1e999}}", f"{TEXT}="]
    texts += [f'{{"eventType": {as_json}', f'{{"eventType": "\\q{TEXT}"}}', PERSONAL["phone"]]
    return [*texts, f'{{"{TEXT}": "\\ud800"}}', f'{{"detail-type": {{{as_json}: 1}}}}']


def _in_base64(text: str) -> Iterator[str]:
    """Yield how a text looks in base64, by where in a longer one it begins."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        # The first characters depend on what is before, the last one on what is behind.
        yield encoded[-(-before * 8 // 6) : -1]
