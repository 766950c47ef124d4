"""The custom resources: CloudFormation always gets one clear answer, and nothing remains."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest

from local.genesys.login import CLIENT_ID, CLIENT_SECRET
from local.genesys.stand_in import OPERATIONS, GenesysCloud
from local.http.messages import Answer, Request
from resources.properties import InvalidProperties
from resources.registry import parse_resource
from tests.fakes.aws.cloudformation import (
    ACTIVE,
    CLOUDFORMATION_ID,
    EVENT_SOURCE,
    NAME,
    PROPERTIES,
    QUEUE_NAMES,
    SUBSCRIPTION,
)
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.stacks import STACK_ID, FakeStacks
from tests.fakes.clock import Clock, Invocation, let_time_pass
from tests.fakes.deliveries import (
    FOREIGN_ACCOUNT,
    FOREIGN_ARN,
    EventBridgeDelivery,
    SubscriptionDelivery,
)
from tests.fakes.entry_points import imported_anew
from tests.fuzz.answers import change, changed
from tests.fuzz.mutation import Mutator
from tests.fuzz.output import Output
from tests.fuzz.target import Case, Finding, check, is_clean
from tests.fuzz.targets.worker import Current
from tests.fuzz.transport import RawAnswer, answered_by
from tests.fuzz.virtual_alarm import VirtualAlarm

_URL = "http://127.0.0.1:1"
_ANSWER_HOST = "cloudformation-custom-resource.example"
_ANSWER_URL = f"https://{_ANSWER_HOST}/answer?X-Amz-Signature=s1gnature-canary"
LOOKUPS = (QUEUE_NAMES, ACTIVE)
_STATUSES = {
    "Create": "CREATE_IN_PROGRESS",
    "Update": "UPDATE_IN_PROGRESS",
    "Delete": "DELETE_IN_PROGRESS",
}
_CHANGED: dict[str, dict[str, Any]] = {
    SUBSCRIPTION: {"AttributeFilter": "queueId = 'Q2'"},
    EVENT_SOURCE: {"Topics": ["v2.detail.events.conversation.{id}.user.end"]},
    QUEUE_NAMES: {"EnvironmentBytes": "40"},
    ACTIVE: {},
}
_MAX_BYTES = 4096
# CloudFormation waits for five minutes; the function has four.
_TIMEOUT_SECONDS = 240.0


class CustomResourceTarget:
    """The provisioner's handler: a Create, Updates and Deletes of one custom resource.

    Parameters
    ----------
    types
        The types of the custom resource.
    """

    inputs_per_case = 1

    def __init__(self, types: Sequence[str], patch: pytest.MonkeyPatch) -> None:
        self._types = types
        self.output = Output()
        self.services = {
            service: Current() for service in ("secretsmanager", "events", "cloudformation")
        }
        let_time_pass(patch)
        with self.output.taken():
            self.module = imported_anew("provisioner", self.services, {}, patch)

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        case = copy.deepcopy(mutator.choice(kept)) if kept and mutator.chance(0.25) else {}
        if not case.get("steps"):
            kinds = mutator.choice(
                (["Create"], ["Create", "Update"], ["Delete"], ["Create", "Delete"])
            )
            case = {
                "type": mutator.choice(self._types),
                "has_namesake": mutator.chance(0.1),
                "has_ours": mutator.chance(0.15),
                "steps": [
                    {"kind": kind, "event": {}, "properties": {}, "changes": {}} for kind in kinds
                ],
            }
        step = mutator.choice(case["steps"])
        kind = mutator.random.random()
        if kind < 0.75:
            place = str(mutator.choice((0, 1, 1, 2, 2, 3, 4, 5, 6, 8)))
            step["changes"][place] = change(mutator, secret=CLIENT_SECRET)
        elif kind < 0.9:
            names = [
                *PROPERTIES.get(case["type"], {}),
                "EventSourceName",
                "LoginUrl",
                "RequestedAt",
            ]
            step["properties"][mutator.choice(names)] = mutator.telling()
        else:
            names = ["RequestType", "ResourceType", "ResourceProperties", "OldResourceProperties"]
            names += ["PhysicalResourceId", "RequestId", "LogicalResourceId", "Odd"]
            name = mutator.choice(names)
            value = mutator.telling()
            # CloudFormation always sends an id.
            step["event"][name] = str(value) or "x" if name == "PhysicalResourceId" else value
        return case

    def run(self, case: Case) -> str:
        return _Life(case, self).run()


class _Life:
    """The life of one custom resource, in an org of its own."""

    def __init__(self, case: Case, target: CustomResourceTarget) -> None:
        self._case = case
        self._module = target.module
        self._output = target.output
        self._clock = Clock()
        self._alarm = VirtualAlarm(self._clock)
        services = target.services
        self._genesys = genesys = GenesysCloud(clock=self._clock)
        self._sources = FakePartnerEventSources(self._clock)
        self._stacks = FakeStacks()
        login = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        services["secretsmanager"].fake = FakeSecrets(**{"queue-ends/genesys": login})
        services["events"].fake = self._sources
        services["cloudformation"].fake = self._stacks
        genesys.subscriptions.activation_seconds, genesys.integrations.state_seconds = 0, 2
        genesys.integrations.on_source_created = lambda suffix: self._sources.create_source(
            genesys.event_source(suffix)
        )
        genesys.integrations.on_source_deleted = lambda suffix: self._sources.delete_source(
            genesys.event_source(suffix)
        )
        self._delivery = (
            EventBridgeDelivery(genesys)
            if case["type"] == EVENT_SOURCE
            else SubscriptionDelivery(genesys)
        )
        self._answers: list[dict[str, Any]] = []
        self._requested: list[Mapping[str, Any]] = []
        self._physical_id = ""
        self._has_lied = False
        self._step: dict[str, Any] = {}
        self._request_count = 0

    def run(self) -> str:
        self._seed()
        foreign = copy.deepcopy(self._foreign())
        outcomes = []
        properties: dict[str, Any] = {
            "ServiceToken": "arn:aws:lambda:eu-west-1:111122223333:function:provisioner",
            **PROPERTIES.get(self._case["type"], {"EventSourceName": "aws.partner/genesys.com/x"}),
            "LoginUrl": _URL,
            "ApiUrl": _URL,
        }
        for number, step in enumerate(self._case["steps"]):
            old = properties
            if step["kind"] == "Update":
                properties = properties | _CHANGED[self._case["type"]]
            requested = properties | step["properties"]
            if step["properties"] or step["kind"] == "Update":
                self._requested.append(requested)
            outcomes.append(self._request(step, requested, old, number))
        if self._case["type"] in (SUBSCRIPTION, EVENT_SOURCE):
            self._delete_all([properties, *self._requested])
        if not self._has_lied:
            check(
                self._foreign() == foreign, "somebody else's resource was touched", self._foreign()
            )
        return f"{self._case['type']}: {', '.join(outcomes)}"

    def _delete_all(self, all_properties: Sequence[Mapping[str, Any]]) -> None:
        """Delete without a fault whatever the steps may have created: nothing of it remains."""
        step = {"kind": "Delete", "event": {}, "properties": {}, "changes": {}}
        all_succeed = True
        for number, properties in enumerate(all_properties):
            self._physical_id = _physical_id(self._case["type"], properties)
            outcome = self._request(step, properties, properties, 9)
            is_sound = number == 0
            all_succeed &= outcome == "Delete SUCCESS"
            check(all_succeed or not is_sound, "a Delete without a fault failed", self._answers[-1])
        if all_succeed:
            check(not self._ours(), "our resource remains after its Delete", self._ours())

    def _seed(self) -> None:
        self._genesys.subscriptions.seed("somebody-elses", FOREIGN_ARN)
        EventBridgeDelivery(self._genesys).seed(Name="somebody-elses", AccountId=FOREIGN_ACCOUNT)
        if self._case["has_namesake"]:
            self._delivery.seed_foreign()
        if self._case["has_ours"]:
            self._delivery.seed()

    def _all(self) -> list[dict[str, Any]]:
        return [*self._genesys.subscriptions.values(), *self._genesys.integrations.values()]

    def _foreign(self) -> list[dict[str, Any]]:
        return [each for each in self._all() if _is_foreign(each)]

    def _ours(self) -> list[dict[str, Any]]:
        return [each for each in self._delivery.entities.values() if not _is_foreign(each)]

    def _request(
        self,
        step: dict[str, Any],
        properties: Mapping[str, Any],
        old: Mapping[str, Any],
        number: int,
    ) -> str:
        """Send a request and return its kind and status, after a look at the answer."""
        kind = step["kind"]
        event = {
            "RequestType": kind,
            "RequestId": f"request-{number}",
            "StackId": STACK_ID,
            "LogicalResourceId": "Subscription",
            "ResourceType": self._case["type"],
            "ResponseURL": _ANSWER_URL,
            "ResourceProperties": properties,
            **({"OldResourceProperties": old} if kind == "Update" else {}),
            **({} if kind == "Create" else {"PhysicalResourceId": self._physical_id or "x"}),
            **step["event"],
        }
        self._stacks.status = _STATUSES[kind]
        self._step, self._request_count = step, 0
        answers_before = len(self._answers)
        self._output.clear()
        context = Invocation(self._clock, self._clock.now + _TIMEOUT_SECONDS)
        with self._output.taken(), answered_by(self._respond), self._alarm.in_place():
            self._module.handler(json.loads(json.dumps(event)), context)
        check(len(self._answers) == answers_before + 1, "not exactly one answer", self._answers)
        check(context.get_remaining_time_in_millis() >= 0, "the answer came after the timeout")
        answer = self._answers[-1]
        _check_answer(answer, event)
        self._output.checked_lines((CLIENT_SECRET, "s1gnature-canary"))
        self._physical_id = answer["PhysicalResourceId"]
        return f"{kind} {answer['Status']}"

    def _respond(self, host: str, request: Request) -> Answer | RawAnswer:
        if host == _ANSWER_HOST:
            check(request.method == "PUT", "an answer that is no PUT", request.method)
            check(len(request.body) <= _MAX_BYTES, "an answer over 4,096 bytes", len(request.body))
            self._answers.append(json.loads(request.body))
            return Answer(200)
        _check_request(request)
        self._clock.now += 0.05
        place = str(self._request_count)
        self._request_count += 1
        check(self._request_count < 3_000, "too many requests")
        answer = self._genesys(request)
        made = self._step["changes"].get(place)
        if made is None:
            return answer
        if made.get("fate") == "hung":
            self._clock.now += 10
        mutator = Mutator(Random(made.get("edit", 0)), [NAME, *self._ids()])
        sent = changed(answer, made, mutator, self._alarm.let_pass)
        # With an answer that says something else than the truth, a request can only go wrong.
        self._has_lied |= 200 <= sent.status < 300 or sent.status in (401, 404)
        return sent

    def _ids(self) -> list[str]:
        return [each["id"] for each in self._all()]


def _physical_id(resource_type: str, properties: Mapping[str, Any]) -> str:
    """Return the id that a Create answers with; CloudFormation's own if it cannot succeed."""
    try:
        return parse_resource(resource_type, properties).physical_id
    except InvalidProperties:
        return CLOUDFORMATION_ID


def _is_foreign(entity: Mapping[str, Any]) -> bool:
    text = json.dumps(entity)
    return FOREIGN_ARN in text or FOREIGN_ACCOUNT in text


def _check_request(request: Request) -> None:
    """Look at where a request goes: to an operation of the API, with an id in one piece."""
    target = request.target
    check(target.isascii() and target.isprintable() and " " not in target, "an odd target", target)
    operations = next(
        (one for pattern, one in OPERATIONS.items() if re.fullmatch(pattern, request.path)), {}
    )
    check(
        request.method in operations,
        "a request that the API does not have",
        (request.method, target),
    )
    has_query = "?" in target
    check(request.method == "GET" or not has_query, "a query in a change", target)
    check("/../" not in f"{target}/" and "/./" not in f"{target}/", "dots in a path", target)


def _check_answer(answer: Any, event: Mapping[str, Any]) -> None:
    check(isinstance(answer, dict), "an answer that is no object", answer)
    status, reason = answer.get("Status"), answer.get("Reason")
    check(status in ("SUCCESS", "FAILED"), "an unknown status", status)
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        wanted = event[key]
        if isinstance(wanted, str) and wanted:
            check(answer.get(key) == wanted, f"another {key}", answer.get(key))
    physical_id = answer.get("PhysicalResourceId")
    check(isinstance(physical_id, str) and physical_id, "no physical id", physical_id)
    data = answer.get("Data")
    check(
        isinstance(data, dict) and all(isinstance(v, str) and v for v in data.values()),
        "data that is no texts",
        data,
    )
    if status == "SUCCESS":
        return
    check(isinstance(reason, str) and reason.strip(), "a failure without a reason")
    check(not re.match(r"Unexpected \w+;", reason), "an unclear reason", reason)
    check(is_clean(reason), "a reason is not clean", ascii(reason))
    for secret in (CLIENT_SECRET, "s1gnature-canary"):
        if secret in reason:
            raise Finding("a secret in a reason", reason)
