"""The shapes of Genesys Cloud's answers: their JSON, the fields that we need, and the ids."""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from genesys.errors import GenesysError
from genesys.http.answers import Answer
from outside_text import REPLACEMENT

Shape = TypeVar("Shape")
# All ids that are known are UUIDs. No other character is needed, and a server could take an encoded
# `/` for a plain one.
_ID = re.compile(r"[._~:-]*[A-Za-z0-9][A-Za-z0-9._~:-]*")
MAX_ID_CHARACTERS = 200
_SURROGATES = re.compile("[\ud800-\udfff]")
# The shape of an entity of which callers read the fields that they need.
JSON_OBJECT = dict[str, Any]


class Created(msgspec.Struct):
    """A new entity, or the org itself."""

    id: str


class Page(msgspec.Struct, rename="camel"):
    """A page of a list; a `page_count` that is no number is unknown."""

    entities: list[Any]
    page_count: Any = None


class Found(msgspec.Struct, rename="camel"):
    """Conversations in analytics; `total_hits` says how many a search has found in all."""

    conversations: list[Any] | None = None
    total_hits: Any = None


def decode_json(body: bytes) -> Any:
    """Return the JSON in a body, with U+FFFD in the place of each half of a surrogate pair.

    Raises
    ------
    ValueError, RecursionError
        The body is not JSON, or is nested too deep.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Python's own reader takes what msgspec refuses, such as half of a surrogate pair.
        return map_strings(json.loads(body), lambda text: _SURROGATES.sub(REPLACEMENT, text))


def parse_message(answer: Answer) -> str:
    """Return the error message in an answer's JSON, or the reason phrase if there is no JSON."""
    try:
        content = decode_json(answer.body)
    except (ValueError, RecursionError):
        return answer.reason
    if not isinstance(content, dict):
        return ""
    keys = ("message", "description", "error_description", "error", "code")
    values = (content.get(key) for key in keys)
    return next((value for value in values if value and isinstance(value, str)), "")


def map_strings(content: Any, change: Callable[[str], str]) -> Any:
    """Change all strings in JSON, and all names of fields; return the JSON.

    The lists and objects themselves are changed, because a copy would take as much memory again.
    """
    match content:
        case str():
            return change(content)
        case list():
            for index, one in enumerate(content):
                content[index] = map_strings(one, change)
        case dict():
            fields = [(change(name), map_strings(one, change)) for name, one in content.items()]
            content.clear()
            content.update(fields)
    return content


def to_shape(content: Any, shape: type[Shape], method: str, path: str, status: int) -> Shape:
    """Return an answer's JSON as an instance of a shape.

    The other arguments describe the request and the answer in the error.

    Raises
    ------
    GenesysError
        The JSON has another shape. The message says what was expected, and where.
    """
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        message = f"the response has another form: {describe_mismatch(error)}"
        raise GenesysError(method, path, status=status, message=message) from None


def describe_mismatch(error: msgspec.ValidationError) -> str:
    """Return what was expected and what was there, such as `expected str, got int - at $.id`."""
    text = str(error).replace("`", "")
    return text[:1].lower() + text[1:]


def check_id(value: object, method: str, path: str, *, status: int = 200) -> str:
    """Return an id from an answer; raise `GenesysError` if it cannot be a part of a path.

    The other arguments describe the request and the answer in the error.
    """
    if isinstance(value, str) and len(value) <= MAX_ID_CHARACTERS and _ID.fullmatch(value):
        return value
    message = (
        f"the response has no usable id: expected up to {MAX_ID_CHARACTERS} letters, digits and "
        "'.', '_', '~', ':' or '-'"
    )
    raise GenesysError(method, path, status=status, message=message)


def entity_path(collection_path: str, entity_id: str) -> str:
    """Return the path of an entity; raise `GenesysError` for an id that could change the path."""
    return f"{collection_path}/{quote(check_id(entity_id, 'GET', collection_path), safe='')}"
