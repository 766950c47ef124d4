"""The watchdog's entry point compares, whatever the event is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genesys.queue_ids import pack_ids
from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from local.traffic.subscription import OUR_QUEUES
from resources.properties import InvalidProperties
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import INTAKE
from tests.fakes.aws.stacks import FakeStacks
from tests.fakes.clock import Clock
from tests.fakes.entry_points import imported_anew
from tests.fakes.watchdog import FakeQueues

FUNCTIONS = Path(__file__).parents[3] / "functions"
COLD_START = """
import json, sys, boto3
services = []
boto3.client = lambda service, **_: services.append(service)
import watchdog.handler
ours = {"backfill", "conversations", "details", "dynamodb", "intake"}
found = sorted(name for name in sys.modules if name.partition(".")[0] in ours)
print(json.dumps([found, services]))
"""


def make_environment(url: str, **changes: Any) -> dict[str, str]:
    """Return the environment variables that the stack sets."""
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url, **changes}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    return {"STAGE": "dev", "DEPLOYED": json.dumps(deployed), "LEDGER_TABLE": TABLE}


def make_clients(secrets: FakeSecrets, eventbridge: FakePartnerEventSources) -> dict[str, Any]:
    return {
        "secretsmanager": secrets,
        "events": eventbridge,
        "cloudformation": FakeStacks(),
        "sqs": FakeQueues(),
        "dynamodb": FakeDynamoDb(),
    }


@pytest.mark.parametrize("event", [{}, {"source": "aws.events"}, None])
def test_the_watchdog_compares_whatever_the_event_is(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: Any,
) -> None:
    clients = make_clients(secrets, eventbridge)
    module = imported_anew("watchdog", clients, make_environment(http.url), monkeypatch)
    assert module.handler(event, clock.invocation()) == {
        "healthy": True,
        "differences": [],
        "healed": [],
    }
    genesys.subscriptions.clear()
    result = module.handler(event, clock.invocation())
    assert result["healthy"] is False
    assert json.loads(json.dumps(result)) == result
    values = [metric.values for metric in metrics_of(capsys.readouterr().out)]
    assert values == [[1], [0]]


def test_an_environment_without_the_deployed_properties_fails_the_import(
    *, secrets: FakeSecrets, eventbridge: FakePartnerEventSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = make_clients(secrets, eventbridge)
    environment = make_environment("https://api.example.com", Name="")
    with pytest.raises(InvalidProperties, match="missing or wrong: Name"):
        imported_anew("watchdog", clients, environment, monkeypatch)


@pytest.mark.parametrize(
    ("variables", "expected_modules", "expected_rooms"),
    [
        pytest.param({}, {"dynamodb", "dynamodb.run_lease"}, {"dynamodb"}, id="off"),
        pytest.param(
            {"BACKFILL": "repair", "END_RULE": "touched", "QUEUE_URLS": INTAKE},
            {"backfill.search", "dynamodb.request_slots"},
            {"backfill", "conversations", "details", "dynamodb", "intake"},
            id="repair",
        ),
    ],
)
def test_only_with_a_backfill_a_cold_start_imports_what_it_needs(
    variables: dict[str, str], expected_modules: set[str], expected_rooms: set[str]
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(FUNCTIONS), **variables}
    environment |= make_environment("https://api.example.com")
    process = subprocess.run(
        [sys.executable, "-c", COLD_START],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    modules, services = json.loads(process.stdout)
    assert {name.partition(".")[0] for name in modules} == expected_rooms
    assert expected_modules <= {*modules}
    assert sorted(services) == ["cloudformation", "dynamodb", "events", "secretsmanager", "sqs"]


def test_the_watchdog_runs_the_backfill_after_the_comparison(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dynamodb = FakeDynamoDb()
    clients = make_clients(secrets, eventbridge) | {"dynamodb": dynamodb}
    variables = {"BACKFILL": "repair", "END_RULE": "touched"}
    variables["PACKED_QUEUE_IDS"] = pack_ids(OUR_QUEUES)
    environment = make_environment(http.url) | variables | {"QUEUE_URLS": INTAKE}
    module = imported_anew("watchdog", clients, environment, monkeypatch)
    assert module.handler({}, clock.invocation())["healthy"] is True
    cursors = {("#backfill", "#recent"), ("#backfill", "#old")}
    assert {*dynamodb.items} == {("#watchdog", "#watchdog")} | cursors
