"""Nothing private is logged: values seeded in all that the functions meet, all output searched."""

import base64
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.webhook import Webhook
from genesys.client import LOGIN_PATH
from genesys.integration_spec import INTEGRATION_TYPE
from genesys.queue_ids import pack_ids
from infra.settings.checks import DESTINATIONS
from local.genesys.login import CLIENT_ID
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from tests import canaries
from tests.bodies import QUEUE, end
from tests.canaries import CLIENT_SECRET, TEXT, TOKEN, Delivery
from tests.fakes.aws.cloudformation import (
    ACCOUNT,
    EVENT_SOURCE,
    PROPERTIES,
    REGION,
    SUBSCRIPTION,
    SUFFIX,
)
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.firehose import STREAM, FakeFirehose
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import INTAKE
from tests.fakes.aws.sqs_event import record
from tests.fakes.aws.stacks import STACK_ID, STACK_NAME, FakeStacks
from tests.fakes.clock import Clock
from tests.fakes.details import conversation_id
from tests.fakes.entry_points import WORKER, imported_anew
from tests.fakes.partner_worker import DelayingSqs
from tests.fakes.watchdog import FakeQueues, fake_clients
from watchdog.backfill_step import BackfillStep
from watchdog.deployment import Deployment

DELIVERIES: tuple[Delivery, ...] = get_args(Delivery)
ACTION = "Conversation ended"


class Output:
    """All that a function leaves in its log at the level of most lines, as Lambda collects it."""

    level = "DEBUG"

    def __init__(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._lines = io.StringIO()
        self._root = logging.StreamHandler(self._lines)
        self._capfd = capfd
        self._monkeypatch = monkeypatch
        self._levels = {logger: logger.level for logger in _loggers()}

    def collect(self) -> None:
        """Collect from the loggers that there are by now; Powertools' keep an older stdout."""
        for logger in _loggers():
            self._levels.setdefault(logger, logging.NOTSET)
            for handler in logger.handlers:
                if type(handler) is logging.StreamHandler:
                    self._monkeypatch.setattr(handler, "stream", self._lines)
        for part in ("actions", "worker", "provisioner", "watchdog"):
            logging.getLogger(part).setLevel(self.level)
        # Lambda's runtime: a handler of its own, at the level of the setting.
        root = logging.getLogger()
        root.addHandler(self._root)
        root.setLevel(self.level)

    def text(self) -> str:
        """Return what was written since the last time."""
        captured = self._capfd.readouterr()
        text = self._lines.getvalue() + captured.out + captured.err
        self._lines.seek(0)
        self._lines.truncate()
        return text

    def write(self, text: str) -> None:
        self._lines.write(text)

    def undo(self) -> None:
        logging.getLogger().removeHandler(self._root)
        for logger, level in self._levels.items():
            # To set a level takes time: every logger forgets what it knows of levels.
            if logger.level != level:
                logger.setLevel(level)


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


@pytest.fixture
def output(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Output]:
    output = Output(capfd, monkeypatch)
    yield output
    output.undo()


@pytest.fixture(autouse=True)
def no_waiting(time_passes: None) -> None:
    """No test here waits."""


Load = Callable[[str, Mapping[str, Any], Mapping[str, str]], Callable[[Any], Any]]


@pytest.fixture
def load(output: Output, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Give what imports a function and returns its handler, which returns or raises."""

    def load(
        function: str, clients: Mapping[str, Any], environment: Mapping[str, str]
    ) -> Callable[[Any], Any]:
        levels = {"POWERTOOLS_LOG_LEVEL": output.level, "AWS_LAMBDA_LOG_LEVEL": output.level}
        module = imported_anew(function, clients, {**environment, **levels}, monkeypatch)
        output.collect()
        if function == "worker":
            loaded.extend(module.dependencies.destinations)
        return lambda event: module.handler(event, Clock().invocation(240))

    loaded: list[Any] = []
    yield load
    for destination in loaded:
        if isinstance(destination, Webhook):
            destination.close()


def refusal(code: str = "ValidationException", status: int = 400) -> ClientError:
    """Return an error of AWS that quotes what it was sent."""
    answer: Any = {
        "Error": {"Code": code, "Message": TEXT},
        "CancellationReasons": [{"Message": TEXT}],
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"x": TEXT}},
    }
    return ClientError(answer, "Operation")


class Surroundings:
    """What the worker works with; `fail` has every part of it fail and quote canaries."""

    def __init__(self, http: HttpServer) -> None:
        self.http = http
        self.sqs, self.dynamodb = DelayingSqs(), FakeDynamoDb()
        self.bus, self.firehose = FakeEventBridge(), FakeFirehose()
        self.secrets = FakeSecrets(**{"webhook-key": canaries.WEBHOOK_SECRET})
        http.respond = lambda _: Answer(204, headers={"X-Canary": TEXT})

    def clients(self) -> dict[str, Any]:
        return {
            "sqs": self.sqs,
            "dynamodb": self.dynamodb,
            "events": self.bus,
            "firehose": self.firehose,
            "secretsmanager": self.secrets,
            "cloudformation": FakeStacks(),
        }

    def environment(self, delivery: Delivery, end_rule: str = "touched") -> dict[str, str]:
        return WORKER | {
            "QUEUE_IDS": QUEUE,
            "DELIVERY": delivery,
            "END_RULE": end_rule,
            "SETTLE_SECONDS": "60",
            "DESTINATIONS": ",".join(DESTINATIONS),
            "ENDS_BUS": BUS,
            "ARCHIVE_STREAM": STREAM,
            "WEBHOOK_URL": f"{self.http.url}/{canaries.TOKEN}?key={canaries.TOKEN}",
            "WEBHOOK_SECRET": "webhook-key",
        }


def _nothing_fails(_: Surroundings) -> None:
    pass


def _destinations_fail(around: Surroundings) -> None:
    around.bus.always(refusal())
    around.firehose.always([0])
    around.http.respond = lambda asked: Answer(500, {"message": TEXT, "was": asked.body.decode()})


def _destinations_refuse(around: Surroundings) -> None:
    around.http.respond = lambda _: Answer(410, TEXT.encode(), reason=TEXT)


def _connections_break(around: Surroundings) -> None:
    around.http.respond = lambda _: Answer(fate="lost")
    around.bus.always(TimeoutError(TEXT))


def _sqs_fails(around: Surroundings) -> None:
    for operation in (
        "send_message_batch",
        "delete_message_batch",
        "change_message_visibility_batch",
    ):
        around.sqs.always(operation, refusal())


def _dynamodb_fails(around: Surroundings) -> None:
    around.dynamodb.always("batch_execute_statement", refusal("InternalServerError", 500))
    around.dynamodb.always("batch_get_item", refusal("InternalServerError", 500))


def _secret_is_no_key(around: Surroundings) -> None:
    around.secrets.put("webhook-key", TEXT)


def _secrets_fail(around: Surroundings) -> None:
    around.secrets.failure = refusal("DecryptionFailure")


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize(
    "fail",
    [
        *(_nothing_fails, _destinations_fail, _destinations_refuse, _connections_break),
        *(_sqs_fails, _dynamodb_fails, _secret_is_no_key, _secrets_fail),
    ],
)
def test_the_worker_logs_nothing_private(
    *,
    load: Load,
    output: Output,
    http: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
    delivery: Delivery,
    fail: Callable[[Surroundings], None],
) -> None:
    def act(end: Any) -> None:
        seen.append(end.raw)
        if fail is not _nothing_fails:
            raise LookupError(TEXT, end) from KeyError(end.raw)

    seen: list[Any] = []
    monkeypatch.setattr("destinations.actions.on_conversation_end", act)
    around = Surroundings(http)
    fail(around)
    handle = load("worker", around.clients(), around.environment(delivery))
    told = canaries.seeded(delivery)
    messages = [
        record(body, f"m-{n}", attributes=canaries.attributes()) for n, body in enumerate(told)
    ]
    for start in range(0, len(messages), 100):
        handle({"Records": messages[start : start + 100]})
    text = output.text()
    assert '"message":"Batch"' in text
    assert '"message":"Message"' in text, "some are rejected"
    assert canaries.found_in(text) == []
    if fail is not _dynamodb_fails:
        assert canaries.found_in(json.dumps(seen)), "some are delivered, with canaries in them"


@pytest.mark.parametrize("end_rule", ["last_queue", "queue_leg"])
def test_no_end_rule_logs_anything_private(
    *, load: Load, output: Output, http: HttpServer, end_rule: str
) -> None:
    around = Surroundings(http)
    _sqs_fails(around)
    handle = load("worker", around.clients(), around.environment("eventbridge", end_rule))
    handle({"Records": [record(b, f"m-{n}") for n, b in enumerate(canaries.seeded("eventbridge"))]})
    text = output.text()
    assert '"message":"Batch"' in text
    assert canaries.found_in(text) == []


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_nothing_of_any_body_is_logged(
    *, load: Load, output: Output, http: HttpServer, delivery: Delivery
) -> None:
    around = Surroundings(http)
    environment = around.environment(delivery) | {"DESTINATIONS": "actions"}
    handle = load("worker", around.clients(), environment)

    @settings(max_examples=100)
    @given(st.lists(canaries.broken(delivery), min_size=1, max_size=8))
    def logs_nothing_private(told: list[str]) -> None:
        handle({"Records": [record(body, f"m-{n}") for n, body in enumerate(told)]})
        # The example action logs ids, as it may: an edited body can have anything for one.
        lines = [line for line in output.text().splitlines() if ACTION not in line]
        assert any('"message":"Batch"' in line for line in lines)
        assert canaries.found_in("\n".join(lines)) == []

    logs_nothing_private()


def test_conversation_ids_are_in_the_example_action_s_line_alone(
    *, load: Load, output: Output, http: HttpServer
) -> None:
    around = Surroundings(http)
    _sqs_fails(around)
    told = []
    for body in canaries.seeded("subscription"):
        event = json.loads(body) if body.startswith('{"eventType": "event') else None
        if event and isinstance(event.get("attributes"), dict):
            event["attributes"]["conversationId"] = f"id-{TOKEN}"
            told.append(json.dumps(event))
    environment = around.environment("subscription") | {"DESTINATIONS": "actions"}
    handle = load("worker", around.clients(), environment)
    handle({"Records": [record(body, f"m-{n}") for n, body in enumerate(told)]})
    holding = [line for line in output.text().splitlines() if TOKEN in line]
    assert holding
    assert all(ACTION in line for line in holding)


# What Genesys Cloud knows of ours, and ways in which it may give it back.
ECHOED = f"{CLIENT_SECRET} and {TOKEN}"
ECHOES: dict[str, Callable[[Request], Answer]] = {
    "message": lambda _: Answer(400, {"message": ECHOED, "code": ECHOED}),
    "forbidden": lambda _: Answer(403, {"description": ECHOED}, {"ININ-Correlation-Id": ECHOED}),
    "refused": lambda _: Answer(401, {"error": CLIENT_SECRET}),
    "failure": lambda _: Answer(503, f"<p>{ECHOED}</p>".encode(), reason=ECHOED),
    "limit": lambda _: Answer(429, {"message": ECHOED}, {"Retry-After": ECHOED}),
    "moved": lambda _: Answer(302, {}, {"Location": f"http://[{ECHOED}"}),
    "broken": lambda _: Answer(200, ECHOED.encode(), fate="cut"),
    "text": lambda _: Answer(200, ECHOED.encode()),
    "lost": lambda _: Answer(fate="lost"),
    "ours": lambda asked: _shown(asked, PROPERTIES[SUBSCRIPTION]["QueueArn"], ACCOUNT),
    "taken": lambda asked: _shown(asked, "arn:of-somebody-else", "999999999999"),
}
HELD: dict[str, Any] = {
    "held": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
    "no JSON": TEXT,
    "a list": [TEXT],
    "incomplete": {"client_secret": CLIENT_SECRET, TEXT: TEXT},
    "failing": refusal("InternalServiceError", 500),
    "unforeseen": RuntimeError(TEXT),
}


def _shown(asked: Request, queue_arn: str, account_id: str) -> Answer:
    """Return a subscription and an integration in one; all that is no id or address is seeded."""
    properties = {"awsAccountId": account_id, "awsAccountRegion": REGION, "eventFilter": [ECHOED]}
    current = {
        "name": ECHOED,
        "notes": ECHOED,
        "version": 1,
        "properties": properties | {"eventSourceSuffix": SUFFIX},
    }
    entity = {
        "id": "e-1",
        "name": PROPERTIES[SUBSCRIPTION]["Name"],
        "description": ECHOED,
        "status": ECHOED,
        "attributeFilter": ECHOED,
        "eventTypes": [ECHOED],
        "destination": {"type": "aws_sqs", "awsSqs": {"arn": queue_arn}},
        "integrationType": {"id": INTEGRATION_TYPE},
        "intendedState": ECHOED,
        "reportedState": {"code": ECHOED, "detail": {"message": ECHOED}, "effective": ECHOED},
        "config": {"current": current},
    }
    if asked.path.endswith("/config/current"):
        return Answer(body=current)
    return Answer(body={**entity, "pageCount": ECHOED, "entities": [entity]})


def _account(http: HttpServer, echo: str) -> None:
    """Have an org that echoes, once we are logged in or at once; CloudFormation does so, too."""

    def respond(asked: Request) -> Answer:
        if asked.path == "/answer":  # where CloudFormation waits
            return Answer(403, {"message": asked.query.get("X-Amz-Signature")}, reason=TEXT)
        if asked.path == LOGIN_PATH and echo != "refused":
            return Answer(body={"access_token": TOKEN, "expires_in": 3600})
        return ECHOES[echo](asked)

    http.respond = respond


def _secrets(held: str) -> FakeSecrets:
    secrets = FakeSecrets()
    match HELD[held]:
        case Exception() as failure:
            secrets.failure = failure
        case str() | dict() as value:
            secrets.put("queue-ends/genesys", value)
        case other:
            secrets.put("queue-ends/genesys", json.dumps(other))
    return secrets


def _logged_with(handle: Callable[[Any], Any], events: Sequence[Any], output: Output) -> str:
    """Return what a function leaves in its log; of what it raises, what Lambda logs of it."""
    for event in events:
        try:
            handle(event)
        except Exception as error:  # noqa: BLE001 - Lambda logs it, whatever it is
            output.write("".join(traceback.format_exception(error)))
    return output.text()


OUTSIDE = [
    *[("held", echo) for echo in ECHOES],
    *[(held, "ours") for held in HELD if held != "held"],
]


@pytest.mark.parametrize("resource_type", [SUBSCRIPTION, EVENT_SOURCE])
@pytest.mark.parametrize(("held", "echo"), OUTSIDE)
def test_the_subscription_function_logs_no_secret(
    *, load: Load, output: Output, http: HttpServer, resource_type: str, held: str, echo: str
) -> None:
    _account(http, echo)
    sources = FakePartnerEventSources(Clock())
    sources.permanent_failure = refusal("InternalException", 500)
    stacks = FakeStacks()
    stacks.status = "CREATE_IN_PROGRESS"
    clients = {"secretsmanager": _secrets(held), "events": sources, "cloudformation": stacks}
    handle = load("provisioner", clients, {})
    properties = {**PROPERTIES[resource_type], "LoginUrl": http.url, "ApiUrl": http.url}
    asked = {
        "RequestId": "r-1",
        "StackId": STACK_ID,
        "LogicalResourceId": "Subscription",
        "ResourceType": resource_type,
        "ResponseURL": f"{http.url}/answer?X-Amz-Signature={canaries.ANSWER_SIGNATURE}",
        "ResourceProperties": properties,
    }
    host = http.url.removeprefix("http://")
    events = [
        {**asked, "RequestType": "Create"},
        {**asked, "RequestType": "Delete", "PhysicalResourceId": f"{host}/x"},
    ]
    text = _logged_with(handle, events, output)
    assert '"message":"answered"' in text
    assert canaries.found_in(text) == []
    answers = [sent.body.decode() for sent in http.requests_for("/answer")]
    assert answers
    assert canaries.found_in("".join(answers)) == []


@pytest.mark.parametrize("resource_type", [SUBSCRIPTION, EVENT_SOURCE])
@pytest.mark.parametrize(("held", "echo"), OUTSIDE)
def test_the_watchdog_logs_no_secret(
    *, load: Load, output: Output, http: HttpServer, resource_type: str, held: str, echo: str
) -> None:
    _account(http, echo)
    sources = FakePartnerEventSources(Clock())
    sources.permanent_failure = refusal("InternalException", 500)
    properties = {**PROPERTIES[resource_type], "LoginUrl": http.url, "ApiUrl": http.url}
    deployed = {"ResourceType": resource_type, "ResourceProperties": properties}
    environment = {"STAGE": "dev", "DEPLOYED": json.dumps(deployed), "LEDGER_TABLE": TABLE}
    environment |= {"HEAL": "true", "STACK_NAME": STACK_NAME, "QUEUE_URLS": INTAKE}
    queues = FakeQueues()
    queues.failure = "AccessDenied"
    clients = {"secretsmanager": _secrets(held), "events": sources}
    clients |= {"cloudformation": FakeStacks(), "sqs": queues, "dynamodb": FakeDynamoDb()}
    handle = load("watchdog", clients, environment)
    text = _logged_with(handle, [{}], output)
    assert '"message":"Unhealthy"' in text or '"message":"Could not compare"' in text
    assert canaries.found_in(text) == []


@pytest.mark.parametrize(("held", "echo"), OUTSIDE)
def test_the_backfill_logs_no_secret(http: HttpServer, held: str, echo: str) -> None:
    _account(http, echo)
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": http.url, "ApiUrl": http.url}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    environment = {"STAGE": "dev", "DEPLOYED": json.dumps(deployed), "LEDGER_TABLE": TABLE}
    environment |= {"BACKFILL": "repair", "END_RULE": "touched", "QUEUE_URLS": INTAKE}
    environment["PACKED_QUEUE_IDS"] = pack_ids([QUEUE])
    deployment, clock, log = Deployment.from_environment(environment), Clock(), io.StringIO()
    assert deployment.backfill
    step = BackfillStep(
        deployment,
        deployment.backfill,
        fake_clients(_secrets(held), queues=DelayingSqs()),
        Logger(service=uuid4().hex, stream=log, level="DEBUG"),
        now_ms=lambda: round(1000 * clock.now),
    )
    clock.now = 20_000 * 86_400
    for _ in range(2):  # The first run only notes where the next one begins.
        step(clock.invocation())
        clock.now += 3600
    text = log.getvalue()
    assert '"message":"Backfill"' in text or '"message":"Backfill stopped"' in text
    assert canaries.found_in(text) == []


@pytest.mark.parametrize(("held", "echo"), OUTSIDE)
def test_the_request_for_details_logs_no_secret(
    *, load: Load, output: Output, http: HttpServer, held: str, echo: str
) -> None:
    around = Surroundings(http)
    _account(http, echo)
    environment = around.environment("subscription") | {
        "DESTINATIONS": "actions",
        "DETAILS": "analytics",
        "DETAILS_PERSONAL": "true",
        "GENESYS_LOGIN_URL": http.url,
        "GENESYS_API_URL": http.url,
        "GENESYS_SECRET": "queue-ends/genesys",
    }
    clients = around.clients() | {"secretsmanager": _secrets(held)}
    handle = load("worker", clients, environment)
    messages = [record(end(conversation_id(n), name=TEXT), f"m-{n}") for n in range(3)]
    text = _logged_with(handle, [{"Records": messages}] * 2, output)
    assert '"message":"Batch"' in text
    assert '"message":"Details not requested"' in text or echo in ("message", "ours", "taken")
    assert canaries.found_in(text) == []


@pytest.mark.parametrize("function", ["worker", "provisioner", "watchdog"])
def test_debug_lines_of_libraries_are_not_logged(
    *,
    load: Load,
    output: Output,
    http: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    """At DEBUG botocore tells of requests and answers as they are, with secrets in them."""
    for name, value in {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client
    real = client("secretsmanager", endpoint_url=http.url, region_name="eu-west-1")
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": http.url, "ApiUrl": http.url}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    environment = {"STAGE": "dev", "DEPLOYED": json.dumps(deployed), "LEDGER_TABLE": TABLE}
    around = Surroundings(http)
    if function == "worker":
        environment = around.environment("subscription")
    http.respond = lambda _: Answer(200, {"SecretString": TEXT})
    load(function, around.clients(), environment)
    assert real.get_secret_value(SecretId=TOKEN)["SecretString"] == TEXT
    real.close()
    assert canaries.found_in(output.text()) == []


@pytest.mark.parametrize("canary", canaries.ALL)
def test_a_canary_is_found_in_any_spelling(canary: str) -> None:
    for around in ("", "x", "xy", "xyz"):
        text = f"{around}{canary}{around}"
        for written in (text, text.upper(), json.dumps({text: 1})):
            assert canary in canaries.found_in(written)
        assert canary in canaries.found_in(base64.b64encode(text.encode()).decode())
    assert canaries.found_in("nothing of the kind") == []
