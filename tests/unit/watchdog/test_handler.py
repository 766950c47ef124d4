"""The watchdog's entry point compares, whatever the event is."""

import json
from typing import Any

import pytest

from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from resources.properties import InvalidProperties
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.stacks import FakeStacks
from tests.fakes.clock import Clock
from tests.fakes.entry_points import imported_anew
from tests.fakes.watchdog import FakeQueues


def make_environment(url: str, **changes: Any) -> dict[str, str]:
    """Return the environment variables that the stack sets."""
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url, **changes}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    return {"STAGE": "dev", "DEPLOYED": json.dumps(deployed)}


def make_clients(secrets: FakeSecrets, eventbridge: FakePartnerEventSources) -> dict[str, Any]:
    return {
        "secretsmanager": secrets,
        "events": eventbridge,
        "cloudformation": FakeStacks(),
        "sqs": FakeQueues(),
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
