"""The shapes of Genesys Cloud's answers: the fields that we need, messages and ids."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from genesys.errors import GenesysError
from genesys.http.answers import Answer
from json_text import decode_json
from outside_text import Cleaner, one_line

Shape = TypeVar("Shape")
# All ids that are known are UUIDs. No other character is needed, and a server could take an encoded
# `/` for a plain one.
_ID = re.compile(r"[._~:-]*[A-Za-z0-9][A-Za-z0-9._~:-]*")
MAX_ID_CHARACTERS = 200
# Masking the secrets in an answer with more text than this would take over half a second.
MAX_MASKED_STRINGS = 20_000
MAX_MASKED_CHARACTERS = 200_000
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


def parse_message(answer: Answer) -> str:
    """Return the error message in an answer's JSON, or the reason phrase if there is no JSON."""
    try:
        content = decode_json(answer.body)
    except msgspec.DecodeError:
        return answer.reason
    if not isinstance(content, dict):
        return ""
    keys = ("message", "description", "error_description", "error", "code")
    values = (content.get(key) for key in keys)
    return next((value for value in values if value and isinstance(value, str)), "")


def key_of(entity: Mapping[str, Any]) -> object:
    """Return an entity's id; if it has none, an object that is like no other."""
    entity_id = entity.get("id")
    return entity_id if isinstance(entity_id, str) else object()


def mask_strings(content: Any, cleaner: Cleaner, method: str, path: str, status: int) -> Any:
    """Return an answer's JSON with secrets masked in strings and in names of fields.

    The other arguments describe the request and the answer in the error.

    Raises
    ------
    GenesysError
        Secrets are in an answer so long that masking them would take over half a second, or in one
        that is nested too deeply.
    """
    strings = _strings_in(content)
    # Hardly any answer quotes a secret, and to look at all strings at once is faster.
    text = "|".join(strings)
    if not cleaner.finds_secret(text):
        return content
    message = "the response is long and quotes a secret"
    if len(strings) <= MAX_MASKED_STRINGS and len(text) <= MAX_MASKED_CHARACTERS:
        try:
            return _map_strings(content, cleaner.mask)
        except RecursionError:
            message = "the response is nested too deeply"
    raise GenesysError(method, path, status=status, message=message)


def _strings_in(content: Any) -> list[str]:
    strings: list[str] = []
    rest = [content]
    while rest:
        match rest.pop():
            case str() as string:
                strings.append(string)
            case list() as elements:
                rest += elements
            case dict() as fields:
                strings += fields
                rest += fields.values()
    return strings


def _map_strings(content: Any, change: Callable[[str], str]) -> Any:
    match content:
        case str():
            return change(content)
        case list():
            return [_map_strings(one, change) for one in content]
        case dict():
            return {change(name): _map_strings(one, change) for name, one in content.items()}
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
        mismatch = describe_mismatch(error)
    except RecursionError:
        mismatch = "it is nested too deeply"
    message = f"the response has another form: {mismatch}"
    raise GenesysError(method, path, status=status, message=message)


def describe_mismatch(error: msgspec.ValidationError) -> str:
    """Return what was expected and what was there, such as `expected str, got int - at $.id`."""
    text = str(error).replace("`", "")
    return text[:1].lower() + text[1:]


def is_id(value: object) -> bool:
    """Return whether a value can be the last part of an entity's path."""
    is_short_text = isinstance(value, str) and len(value) <= MAX_ID_CHARACTERS
    return is_short_text and _ID.fullmatch(str(value)) is not None


def show_id(entity: Mapping[str, Any]) -> str:
    """Return an entity's id for a message; any other value is shortened and begins with `?`.

    No path can have such a value.
    """
    value = entity.get("id")
    return str(value) if is_id(value) else f"?{one_line(str(value), 80)}"


def check_id(value: object, method: str, path: str, *, status: int = 200) -> str:
    """Return an id from an answer; raise `GenesysError` if it cannot be a part of a path.

    The other arguments describe the request and the answer in the error.
    """
    if is_id(value):
        return str(value)
    message = (
        f"the response has no usable id: expected up to {MAX_ID_CHARACTERS} letters, digits and "
        "'.', '_', '~', ':' or '-'"
    )
    raise GenesysError(method, path, status=status, message=message)


def entity_path(collection_path: str, entity_id: str) -> str:
    """Return the path of an entity; raise `GenesysError` for an id that could change the path."""
    return f"{collection_path}/{quote(check_id(entity_id, 'GET', collection_path), safe='')}"
