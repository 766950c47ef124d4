"""Hostile behaviours of Genesys Cloud, and what a deploy then has to say."""

import base64
import copy
import functools
import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

import pytest

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem
from local.http.messages import Answer, Request
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.aws.partner_events import NEVER
from tests.unit.provisioner.conftest import StackResource

CHANGES = ("create", "replace", "configure", "switch", "delete")
TRAVERSAL = "../../users/me?x="
HANGS = Answer(headers={"X-Hangs": "yes"})
Reply = Callable[[StackResource, Request], Answer]
"""Returns the hostile answer to a request."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A hostile behaviour.

    Attributes
    ----------
    operations
        The operations whose answers are hostile.
    reason
        What a failure's reason says, as a regular expression; empty if the behaviour does no harm.
    reply
        Returns the hostile answers.
    begin
        Called before the request.
    harms_delete
        Whether a Delete fails, too.
    hides
        Whether Genesys Cloud hides our resource so well that a Delete cannot find it.
    drips
        The part of an answer of which each byte takes 0.6 s: `head` or `body`.
    """

    operations: tuple[str, ...]
    reason: str
    reply: Reply = lambda resource, request: resource.genesys(request)
    begin: Callable[[StackResource], object] = lambda _: None
    harms_delete: bool = True
    hides: bool = False
    drips: str = ""


def always(answer: Answer | Callable[[], Answer]) -> Reply:
    """Return the same answer to every request."""
    return lambda _, __: answer() if callable(answer) else answer


def altered(alter: Callable[[dict[str, Any]], object], **headers: str) -> Reply:
    """Alter each entity, or other object, in the stand-in's own answers."""

    def reply(resource: StackResource, request: Request) -> Answer:
        answer = resource.genesys(request)
        if answer.status < 300 and answer.body:
            for one in answer.body.get("entities", [answer.body]):
                alter(one)
        return replace(answer, headers={**answer.headers, **headers})

    return reply


def added(*, foreign: bool, **fields: Any) -> Reply:
    """Add an entity with our name to the stand-in's lists."""

    def reply(resource: StackResource, request: Request) -> Answer:
        answer = resource.genesys(request)
        delivery = resource.delivery
        entity_id = delivery.seed_foreign() if foreign else delivery.seed()
        entity = copy.deepcopy(resource.entities.pop(entity_id)) | fields
        extra = {name: value for name, value in entity.items() if value is not None}
        return replace(answer, body={"entities": [*answer.body["entities"], extra], "pageCount": 1})

    return reply


def endless(_: StackResource, request: Request) -> Answer:
    number = request.query["pageNumber"]
    return Answer(200, {"entities": [{"id": f"{number}-{one}", "name": "x"} for one in range(9)]})


def the_first_page_again(resource: StackResource, request: Request) -> Answer:
    first = request.target.replace(f"pageNumber={request.query['pageNumber']}", "pageNumber=1")
    answer = resource.genesys(replace(request, target=first))
    body = {name: value for name, value in answer.body.items() if name != "pageCount"}
    return replace(answer, body=body)


def each_twice(resource: StackResource, request: Request) -> Answer:
    answer = resource.genesys(request)
    return replace(answer, body=answer.body | {"entities": 2 * answer.body["entities"]})


def echo(resource: StackResource, _: Request) -> Answer:
    text = " | ".join(_echoes(resource))
    return problem(403, text, **{"ININ-Correlation-Id": f"c {CLIENT_SECRET}"})


def foreign_echo(resource: StackResource, request: Request) -> Answer:
    text = "\x9b\u202e\r\n\x00\ud83d " + " | ".join(_echoes(resource))
    fields = {"destination": {"awsSqs": {"arn": f"arn:{text}"}}, "id": text, "notes": text}
    answer = added(foreign=True, **fields)(resource, request)
    if config := answer.body["entities"][-1].get("config"):
        config["current"]["properties"]["awsAccountId"] = text
    return answer


def _echoes(resource: StackResource) -> list[str]:
    tokens = list(resource.genesys.tokens)
    return [
        encode(secret)
        for secret in (CLIENT_SECRET, *tokens)
        for encode in (
            str,
            str.upper,
            quote_plus,
            " ".join,
            "\u200b".join,
            lambda text: base64.b64encode(text.encode()).decode(),
        )
    ]


def set_topics(value: object) -> Callable[[dict[str, Any]], object]:
    def alter(one: dict[str, Any]) -> None:
        if one.get("name") == NAME:
            for part in (one, one.get("config", {}).get("current", {})):
                if "properties" in part:
                    part["properties"] = part["properties"] | {"eventFilter": value}
            if "eventTypes" in one:
                one["eventTypes"] = value

    return alter


def set_state(one: dict[str, Any]) -> None:
    if "reportedState" in one:
        one["reportedState"] = {"code": "ERROR", "detail": {"message": f"It is {CLIENT_SECRET}."}}
    if "status" in one:
        one["status"] = f"error: {CLIENT_SECRET}"


def set_id(value: object) -> Callable[[dict[str, Any]], object]:
    def alter(one: dict[str, Any]) -> None:
        if one.get("name") == NAME:
            one["id"] = value

    return alter


def never_active(resource: StackResource) -> None:
    resource.genesys.integrations.state_seconds = NEVER
    resource.genesys.subscriptions.activation_reads = NEVER


@functools.cache
def long_list() -> Answer:
    return Answer(200, b'{"entities": ["' + b"a" * 9_000_000 + b'"]}')


@functools.cache
def gzip_bomb() -> Answer:
    body = gzip.compress(b'{"entities": ["' + b"a" * 50_000_000 + b'"]}', compresslevel=1)
    return Answer(200, body, {"Content-Encoding": "gzip"})


def token(value: object, expires_in: object = 3600) -> Reply:
    """Answer logins with an unusable token."""
    return always(Answer(200, {"access_token": value, "expires_in": expires_in}))


def lifetime(value: object) -> Reply:
    """Answer logins with a good token of a strange lifetime."""
    return altered(lambda one: one.update(expires_in=value))


def retry_after(value: str) -> Reply:
    return always(problem(429, "Slow down.", **{"Retry-After": value}))


FORM = "the response has another form: "
NO_ID = "the response has no usable id: expected up to 200 letters"
NO_ANSWER = r"Genesys Cloud could not be reached .* was not answered: .*Check the setting"
LIMITED = "still limits this OAuth client's requests"
INACTIVE = "did not become active with the specified properties in time: "
TAKEN = "exists already and .* deploy under another stage name"

BEHAVIOURS: Mapping[str, Behaviour] = {
    "drip of the head": Behaviour(("list",), NO_ANSWER, drips="head"),
    "drip of the body": Behaviour(("list",), NO_ANSWER, drips="body"),
    "drip of a login": Behaviour(("login",), NO_ANSWER, drips="body"),
    "never answers": Behaviour(("list",), NO_ANSWER, always(HANGS)),
    "headers without end": Behaviour(
        ("list",),
        NO_ANSWER,
        always(Answer(200, {"entities": []}, {f"X-{number}": "x" for number in range(200)})),
    ),
    "closes at once": Behaviour(("list",), NO_ANSWER, always(Answer(fate="lost"))),
    "half an answer": Behaviour(
        ("list",), NO_ANSWER, always(Answer(200, {"entities": []}, fate="cut"))
    ),
    "list of many megabytes": Behaviour(("list",), "more than 8,388,608 bytes", always(long_list)),
    "gzip bomb": Behaviour(("list",), "more than 8,388,608 bytes", always(gzip_bomb)),
    "gzip that is none": Behaviour(
        ("list",), NO_ANSWER, always(Answer(200, b"no gzip at all", {"Content-Encoding": "gzip"}))
    ),
    "many short values": Behaviour(
        ("list",), "more than 699,050 values", always(Answer(200, b"[" + b"5," * 700_000 + b"5]"))
    ),
    "another encoding": Behaviour(
        ("list",), "is not encoded as gzip", always(Answer(200, b"x", {"Content-Encoding": "br"}))
    ),
    "error of many megabytes": Behaviour(
        ("list",), "answered with 500", always(Answer(500, b"x" * 9_000_000))
    ),
    "endless pages": Behaviour(("list",), "more than 20 pages", endless),
    "the first page again and again": Behaviour(("list",), "", the_first_page_again),
    "redirect to another path": Behaviour(
        ("list",), "answered with 302", always(Answer(302, None, {"Location": "/elsewhere"}))
    ),
    "redirect of a login": Behaviour(
        ("login",), "answered with 307", always(Answer(307, None, {"Location": "/elsewhere"}))
    ),
    "wrong content type": Behaviour(
        ("list",), "", altered(lambda _: None, **{"Content-Type": "text/html"})
    ),
    "login page": Behaviour(("list",), "is not JSON", always(Answer(200, b"<html>Log in</html>"))),
    "null": Behaviour(("read",), f"{FORM}expected object, got null", always(Answer(200, b"null"))),
    "array": Behaviour(("read",), f"{FORM}expected object, got array", always(Answer(200, []))),
    "number": Behaviour(("read",), f"{FORM}expected object, got int", always(Answer(200, 5))),
    "no content": Behaviour(("read",), f"{FORM}expected object, got null", always(Answer(204))),
    "list that is null": Behaviour(
        ("list",),
        rf"{FORM}expected array, got null - at \$.entities",
        always(Answer(200, {"entities": None})),
    ),
    "configuration that is null": Behaviour(
        ("configuration",), f"{FORM}expected object, got null", always(Answer(200, b"null"))
    ),
    "configuration of another form": Behaviour(
        ("configuration",),
        rf"{FORM}expected object | null, got int - at \$.properties",
        always(Answer(200, {"version": 1, "properties": 5})),
    ),
    "version beyond any number": Behaviour(
        ("configuration",),
        rf"{FORM}expected int | null, got str - at \$.version",
        always(Answer(200, {"version": "9" * 400, "properties": {}})),
    ),
    "our entity without an id": Behaviour(("list",), NO_ID, added(foreign=False, id=None)),
    "foreign entity without an id": Behaviour(
        ("list",), TAKEN, added(foreign=True, id=None), harms_delete=False
    ),
    "id that leads elsewhere": Behaviour(("list", "create"), NO_ID, altered(set_id(TRAVERSAL))),
    "id of dots": Behaviour(("list", "create"), NO_ID, altered(set_id(".."))),
    "long id": Behaviour(("list", "create"), NO_ID, altered(set_id("i" * 10_000))),
    "org with an id that leads elsewhere": Behaviour(
        ("organization",), NO_ID, always(Answer(200, {"id": TRAVERSAL}))
    ),
    "topics that are a number in lists": Behaviour(("list",), "", altered(set_topics(5))),
    "topics that are a number": Behaviour(
        ("list", "read", "configuration"), INACTIVE, altered(set_topics(5)), harms_delete=False
    ),
    "secrets in an error": Behaviour(("list",), "The OAuth client may not do this", echo),
    "secrets and control characters in a name": Behaviour(
        ("list",), TAKEN, foreign_echo, harms_delete=False
    ),
    "429 for ever, with a long pause": Behaviour(("list",), LIMITED, retry_after("1" + "0" * 9)),
    "429 for ever, with a negative pause": Behaviour(("list",), LIMITED, retry_after("-1")),
    "429 for ever, with no number": Behaviour(("list",), LIMITED, retry_after("NaN")),
    "500 for ever": Behaviour(
        ("list",), "answered with an error. Deploy again later", always(problem(500, "Oops."))
    ),
    "409 for ever": Behaviour(CHANGES, "409", always(problem(409, "Busy."))),
    "wrong version for ever": Behaviour(
        ("configure",), "Genesys Cloud refused .*version", always(problem(400, "A wrong version."))
    ),
    "404 for all that lists show": Behaviour(
        ("read", "replace", "configuration", "configure", "switch"),
        f"{INACTIVE}it cannot be found|No such thing",
        always(problem(404, "No such thing.")),
        harms_delete=False,
        hides=True,
    ),
    "huge token": Behaviour(("login",), "has no token", token("t" * 100_000)),
    "token that is not ASCII": Behaviour(("login",), "has no token", token("tök€n\r\nX: y")),
    "token that is a list": Behaviour(("login",), "has no token", token([CLIENT_SECRET])),
    "token that lives for less than no time": Behaviour(("login",), "", lifetime(-(10**9))),
    "token that lives for ever": Behaviour(("login",), "", lifetime("NaN")),
    "never active": Behaviour(
        ("read",), f"{INACTIVE}|still shows|cannot be deleted", begin=never_active
    ),
    "error state": Behaviour(("read",), INACTIVE, altered(set_state), harms_delete=False),
    "deeply nested JSON": Behaviour(
        ("list",), "is not JSON", always(Answer(200, b'{"entities": ' + b"[" * 100_000))
    ),
    "half a surrogate pair": Behaviour(
        ("list",), "Ann \ufffd", always(Answer(403, b'{"message": "Ann \\ud83d"}'))
    ),
    "line break in a header": Behaviour(
        ("list",),
        r"\(correlation id c-1 X-Injected: yes\)",
        always(problem(500, "Oops.", **{"ININ-Correlation-Id": "c-1\r\n X-Injected: yes"})),
    ),
    "each entity twice": Behaviour(("list",), "", each_twice),
}
ALL = [pytest.param(one, id=name) for name, one in BEHAVIOURS.items()]
