"""The watchdog counts the queues that Genesys Cloud no longer has; this never fails its run."""

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from genesys.queue_ids import pack_ids
from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem, too_many_requests
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.dynamodb import TABLE
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.watchdog import fake_clients
from watchdog.deployment import Deployment
from watchdog.watch import ComparisonFailed, watch

SUPPORT, BILLING = OUR_QUEUES
HEALTHY = {"healthy": True, "differences": [], "healed": []}
Run = Callable[..., "Result"]


class Result:
    """What a run of the watchdog returned, logged and emitted."""

    def __init__(self, returned: Any, log: str, output: str) -> None:
        self.returned = returned
        self.lines = [json.loads(line) for line in log.splitlines()]
        metrics = metrics_of(output)
        assert all(metric.dimensions == {"Stage": "dev"} for metric in metrics)
        self.metrics = {metric.name: list(metric.values) for metric in metrics}
        self.text = log + output


@pytest.fixture
def run(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs the watchdog of a stack with two queues."""

    def run(queue_ids: tuple[str, ...] = OUR_QUEUES) -> Result:
        properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": http.url, "ApiUrl": http.url}
        deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
        deployment = Deployment.from_environment(
            {
                "STAGE": "dev",
                "DEPLOYED": json.dumps(deployed),
                "LEDGER_TABLE": TABLE,
                "PACKED_QUEUE_IDS": pack_ids(queue_ids),
            }
        )
        log = io.StringIO()
        logger = Logger(service=uuid4().hex, stream=log, level="INFO")
        returned = watch(
            deployment,
            clock.invocation(),
            fake_clients(secrets, eventbridge),
            logger,
        )
        return Result(returned, log.getvalue(), capsys.readouterr().out)

    return run


def test_no_queue_is_unknown_if_the_org_has_all(run: Run, genesys: GenesysCloud) -> None:
    result = run()
    assert result.returned == HEALTHY
    assert result.metrics == {"SubscriptionHealthy": [1], "UnknownQueues": [0]}
    assert [line["message"] for line in result.lines] == ["Healthy"]
    assert genesys.operations == ["login", "list", "login", "queues"]


def test_queues_that_are_gone_are_counted_and_named_in_the_log(
    run: Run, genesys: GenesysCloud
) -> None:
    del genesys.queues[BILLING]
    result = run()
    assert result.returned == HEALTHY
    assert result.metrics == {"SubscriptionHealthy": [1], "UnknownQueues": [1]}
    (line,) = [line for line in result.lines if line["level"] == "WARNING"]
    assert line["message"] == "Unknown queues"
    (difference,) = line["differences"]
    assert BILLING in difference


def test_a_renamed_queue_is_not_unknown(run: Run, genesys: GenesysCloud) -> None:
    genesys.queues.seed(SUPPORT, "First line")
    assert run().metrics["UnknownQueues"] == [0]


def test_an_unhealthy_subscription_does_not_hide_a_missing_queue(
    run: Run, genesys: GenesysCloud
) -> None:
    genesys.queues.clear()
    genesys.subscriptions.clear()
    result = run()
    assert result.metrics == {"SubscriptionHealthy": [0], "UnknownQueues": [2]}


def test_without_the_permission_nothing_is_emitted_and_the_log_has_no_warning(
    run: Run, genesys: GenesysCloud
) -> None:
    genesys.queues.permissions = ()
    result = run()
    assert result.returned == HEALTHY
    assert result.metrics == {"SubscriptionHealthy": [1]}
    assert {line["level"] for line in result.lines} == {"INFO"}
    assert "routing:queue:view" in result.lines[-1]["detail"]


@pytest.mark.parametrize(
    "failure",
    [
        Answer(fate="lost"),
        problem(500, "Oops."),
        problem(400, "No."),
        too_many_requests(900),
        Answer(200, b"<html>"),
        Answer(200, {"entities": "none"}),
    ],
    ids=str,
)
def test_a_failing_lookup_emits_nothing_and_leaves_the_run_as_it_is(
    run: Run, genesys: GenesysCloud, failure: Answer
) -> None:
    genesys.always("queues", failure)
    result = run()
    assert result.returned == HEALTHY
    assert result.metrics == {"SubscriptionHealthy": [1]}
    assert result.lines[-1]["message"] == "Could not look up queues"


def test_an_unforeseen_error_of_the_lookup_is_logged_without_its_message(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError(CLIENT_SECRET)

    monkeypatch.setattr("watchdog.queue_check.find_queues", fail)
    result = run()
    assert result.metrics == {"SubscriptionHealthy": [1]}
    assert (result.lines[-1]["error"], result.lines[-1]["detail"]) == ("KeyError", "")
    assert CLIENT_SECRET not in result.text


def test_queues_are_not_looked_up_if_the_comparison_failed(run: Run, genesys: GenesysCloud) -> None:
    genesys.always("list", problem(500, "Oops."))
    with pytest.raises(ComparisonFailed):
        run()
    assert "queues" not in genesys.operations


def test_without_ids_that_genesys_cloud_can_have_nothing_is_looked_up(
    run: Run, genesys: GenesysCloud
) -> None:
    assert run(("q1", "support")).metrics == {"SubscriptionHealthy": [1]}
    assert "queues" not in genesys.operations
