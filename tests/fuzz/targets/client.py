"""The Genesys Cloud client: hostile answers end in the errors that are documented."""

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from details.models import parse_conversation
from genesys.analytics import Analytics
from genesys.client import GenesysClient
from genesys.conversation_search import search_conversations
from genesys.credentials import Credentials
from genesys.errors import GenesysError, NotAsSpecified, UserFacingError
from genesys.integration_spec import AwsTarget, IntegrationSpec
from genesys.integrations import Integrations
from genesys.queues import find_queues, find_similar_queues
from genesys.subscriptions import Subscriptions, SubscriptionSpec
from local.http.messages import Answer, Request
from tests.fakes.aws.cloudformation import ACCOUNT, NAME, QUEUE_ARN, REGION, SUFFIX, TOPICS
from tests.fakes.clock import Clock
from tests.fakes.details import analytics_conversation, conversation_id
from tests.fuzz.answers import change, changed
from tests.fuzz.mutation import Mutator
from tests.fuzz.output import Output
from tests.fuzz.target import Case, check, is_clean
from tests.fuzz.transport import RawAnswer, answered_by
from tests.fuzz.virtual_alarm import VirtualAlarm

SECRET = "Sx7+canary/of the client"
TOKEN = "tk-canary-0f-the-login"
_QUEUE_ID = "a1b2c3d4-e5f6-7890-1234-567890abcdef"
_SPEC = SubscriptionSpec(NAME, "", ("event:conversation:end",), "queueId = 'Q1'", QUEUE_ARN, REGION)
_INTEGRATION = IntegrationSpec(NAME, "notes", AwsTarget(ACCOUNT, REGION, SUFFIX), tuple(TOPICS))
_PROPERTIES = _INTEGRATION.configuration_body(3)
_SUBSCRIPTION = {"id": "sub-1", **_SPEC.body()}
_ENTITY = {
    "id": "int-1",
    "name": NAME,
    "integrationType": {"id": "amazon-eventbridge-source"},
    "intendedState": "ENABLED",
    "reportedState": {"code": "ACTIVE", "detail": {"message": "ok"}},
    "notes": "notes",
    "config": {"current": {"id": "int-1", **_PROPERTIES}},
}


def _list_of(*entities: Mapping[str, Any]) -> dict[str, Any]:
    return {"entities": [*entities], "pageNumber": 1, "pageSize": 100, "pageCount": 1}


_ANALYTICS = {"conversations": [analytics_conversation(conversation_id(1))], "totalHits": 1}
_OPERATIONS: dict[str, tuple[Callable[[GenesysClient], object], Any]] = {
    "find subscriptions": (lambda c: Subscriptions(c).find_by_name(NAME), _list_of(_SUBSCRIPTION)),
    "find ids": (lambda c: Subscriptions(c).find_ids(QUEUE_ARN, NAME), _list_of(_SUBSCRIPTION)),
    "create subscription": (lambda c: Subscriptions(c).create(_SPEC), _SUBSCRIPTION),
    "replace": (lambda c: Subscriptions(c).replace("sub-1", _SPEC), _SUBSCRIPTION),
    "remove": (lambda c: Subscriptions(c).remove("sub-1"), None),
    "wait": (
        lambda c: Subscriptions(c).wait_until_matches("sub-1", _SPEC, c.deadline.within(9)),
        _SUBSCRIPTION,
    ),
    "find integrations": (lambda c: Integrations(c).find_by_name(NAME), _list_of(_ENTITY)),
    "get integration": (lambda c: Integrations(c).get("int-1"), _ENTITY),
    "create integration": (
        lambda c: Integrations(c).create(_INTEGRATION, lambda: []),
        _ENTITY,
    ),
    "configuration": (
        lambda c: Integrations(c).read_configuration("int-1"),
        {"id": "int-1", **_PROPERTIES},
    ),
    "configure": (
        lambda c: Integrations(c).configure("int-1", _INTEGRATION, lambda _: None),
        {"id": "int-1", "version": 3, "properties": {}},
    ),
    "write notes": (lambda c: Integrations(c).write_notes("int-1", _INTEGRATION), _ENTITY),
    "switch on": (
        lambda c: Integrations(c).switch_on("int-1", _INTEGRATION, c.deadline.within(9)),
        _ENTITY,
    ),
    "remove integration": (lambda c: Integrations(c).remove("int-1"), _ENTITY),
    "organization": (lambda c: Integrations(c).read_organization_id(), {"id": "org-1"}),
    "find queues": (
        lambda c: find_queues(c, [_QUEUE_ID]),
        _list_of({"id": _QUEUE_ID, "name": "Q"}),
    ),
    "similar queues": (
        lambda c: find_similar_queues(c, ["Supprt"]),
        _list_of({"id": _QUEUE_ID, "name": "Support"}),
    ),
    "search": (
        lambda c: search_conversations(c, [_QUEUE_ID], 0, 1_795_428_000_000, 1),
        _ANALYTICS,
    ),
    "details": (
        lambda c: [
            parse_conversation(one)
            for one in Analytics(lambda _: c).fetch_conversations([conversation_id(1)], c.deadline)
        ],
        _ANALYTICS,
    ),
}
_LOGIN = {"access_token": TOKEN, "token_type": "bearer", "expires_in": 86_400}
_EXPECTED = (GenesysError, UserFacingError, NotAsSpecified)
# A client sends no more requests than its deadline and its pauses allow.
_MAX_REQUESTS = 2_000


class ClientTarget:
    """One operation of the client, with some of the answers changed."""

    inputs_per_case = 1

    def __init__(self, _: pytest.MonkeyPatch) -> None:
        self._output = Output()

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        if kept and mutator.chance(0.2):
            case = dict(mutator.choice(kept))
        else:
            case = {"operation": mutator.choice([*_OPERATIONS]), "changes": {}}
        place = "login" if mutator.chance(0.15) else str(mutator.choice((0, 0, 0, 1, 2, 3)))
        # Before the login, nobody knows the token as one.
        secret = SECRET if place == "login" else mutator.choice((SECRET, TOKEN))
        made = change(mutator, secret=secret)
        return {
            "operation": case["operation"],
            "changes": {**case["changes"], place: made},
            # Whether later answers are changed like the last one, without an end.
            "repeats": mutator.chance(0.3),
            "retries": mutator.chance(0.8),
        }

    def run(self, case: Case) -> str:
        operate, sound = _OPERATIONS[case["operation"]]
        # A changed login may have given another token.
        secrets = (SECRET,) if "login" in case["changes"] else (SECRET, TOKEN)
        clock = Clock()
        alarm = VirtualAlarm(clock)
        counts = {"login": 0, "api": 0}

        def respond(_: str, request: Request) -> Answer | RawAnswer:
            is_login = request.path == "/oauth/token"
            place = "login" if is_login else str(counts["api"])
            counts["login" if is_login else "api"] += 1
            check(sum(counts.values()) <= _MAX_REQUESTS, "too many requests", counts)
            clock.now += 0.05
            changes = case["changes"]
            made = changes.get(place)
            if made is None and case["repeats"] and not is_login:
                made = next((each for key, each in changes.items() if key != "login"), None)
            answer = Answer(200, _LOGIN if is_login else sound)
            if made is None:
                return answer
            if made.get("fate") == "hung":
                clock.now += 10
            mutator = Mutator(
                Random(made.get("edit", 0)), [NAME, "sub-1", QUEUE_ARN, TOKEN, SECRET]
            )
            return changed(answer, made, mutator, alarm.let_pass)

        client = GenesysClient(
            "https://login.example",
            "https://api.example",
            Credentials("client", SECRET),
            clock.deadline(60),
            clock,
            retries=case["retries"],
        )
        self._output.clear()
        with self._output.taken(), answered_by(respond), alarm.in_place():
            try:
                found = operate(client)
            except _EXPECTED as error:
                _check_message(str(error), secrets)
                outcome = f"{type(error).__name__} {getattr(error, 'status', '')}"
            else:
                _check_found(found)
                outcome = type(found).__name__
        self._output.checked_lines(secrets)
        return f"{case['operation']}: {outcome}"


def _check_message(message: str, secrets: Sequence[str]) -> None:
    check(is_clean(message), "a message is not clean", ascii(message))
    check(len(message) < 3_000, "a message is too long", len(message))
    secret = next((each for each in secrets if each in message), None)
    check(secret is None, "a secret in a message", message)


def _check_found(found: object) -> None:
    """Look at the texts that go to the user, to the ledger or into a path."""
    check(not isinstance(found, str) or found, "an empty id", found)
    json.dumps(found, default=str)
