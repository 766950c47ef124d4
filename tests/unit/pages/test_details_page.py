"""The page on details: its example end, its names of analytics' fields and its action are right."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from conversations.end import ConversationEnd
from local.http.messages import Answer
from local.http.server import HttpServer
from tests import genesys_sdk
from tests.bodies import OTHER_QUEUE
from tests.detailed_ends import RESOLVED, complete_end, make_participant, missing_end

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/details.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/conversation-end.schema.json").read_text())
(EXAMPLE,) = re.findall(r"^```json\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
(ACTION,) = re.findall(r"^```python\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
CRM = "https://crm.example.com"

Action = Callable[[ConversationEnd], None]


def test_the_example_end_matches_the_schema() -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(EXAMPLE))


def test_the_example_end_is_one_that_the_worker_delivers() -> None:
    assert json.loads(EXAMPLE) == json.loads(complete_end().as_json(include_raw=False))


def test_the_page_names_every_field_of_a_participant() -> None:
    participants = PAGE.partition("### Participants")[2].partition("### Metrics")[0]
    personal = PAGE.partition("## Personal data")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \|", participants + personal, re.MULTILINE)
    named = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert named == SCHEMA["$defs"]["participant"]["properties"].keys()


def test_the_official_sdk_has_every_field_that_the_page_names() -> None:
    known = (
        genesys_sdk.fields("AnalyticsParticipantWithoutAttributes")
        | genesys_sdk.fields("AnalyticsSession")
        | genesys_sdk.fields("AnalyticsConversationSegment")
    )
    tables = re.findall(r"^\| field \| in analytics \|\n\|.+\n((?:\|.+\n)+)", PAGE, re.MULTILINE)
    cells = re.findall(r"^\| .+? \| (.+) \|$", "".join(tables), re.MULTILINE)
    # What follows a colon are values of the field.
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", re.sub(r": `.*", "", cell))}
    assert len(tables) == 2
    assert len(named) > 10
    assert named - known == set()


# The action


@pytest.fixture
def crm() -> Any:
    with HttpServer(lambda _: Answer(200)) as server:
        yield server


@pytest.fixture
def action(crm: HttpServer) -> Any:
    names: dict[str, Any] = {}
    code = compile(ACTION.replace(CRM, crm.url), "details.md", "exec")
    exec(code, names)  # noqa: S102 - our own document
    with names["crm"]:
        yield names["on_conversation_end"]


def written_to(crm: HttpServer) -> Any:
    (request,) = crm.requests
    assert request.method == "PUT"
    return json.loads(request.body)


def test_the_documented_action_writes_handle_time_and_wrapup_code(
    action: Action, crm: HttpServer
) -> None:
    end = complete_end()
    action(end)
    assert written_to(crm) == {
        "conversation": end.conversation_id,
        "started": end.conversation_start,
        "ended": end.ended_at,
        "handle_ms": 280254,
        "wrapup_codes": [RESOLVED],
        "details": "complete",
    }
    assert crm.requests[0].path == f"/conversation-ends/{end.end_id}"


def test_the_documented_action_leaves_out_the_codes_of_another_queue(
    action: Action, crm: HttpServer
) -> None:
    elsewhere = make_participant("p-9", "agent", queue_ids=[OTHER_QUEUE], wrapup_codes=["w-9"])
    end = complete_end()
    action(dataclasses.replace(end, participants=[*end.participants, elsewhere]))
    assert written_to(crm)["wrapup_codes"] == [RESOLVED]


def test_the_documented_action_writes_an_end_without_details(
    action: Action, crm: HttpServer
) -> None:
    action(dataclasses.replace(missing_end(), metrics=[]))
    written = written_to(crm)
    assert (written["handle_ms"], written["wrapup_codes"]) == (None, [])
    assert written["details"] == "missing"


def test_the_documented_action_fails_if_the_crm_refuses_the_end(
    action: Action, crm: HttpServer
) -> None:
    crm.respond = lambda _: Answer(503)
    with pytest.raises(requests.HTTPError):
        action(complete_end())
