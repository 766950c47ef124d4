"""The watchdog heals with the environment and the permissions that the deployed stack gives it."""

import io
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools import Logger

from local.aws.project import Deployment, find_function_name
from tests.fakes.clock import Clock
from tests.local.stack.world import World
from watchdog.clients import Clients
from watchdog.deployment import Deployment as WatchdogDeployment
from watchdog.watch import watch

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")


def run_watchdog(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], str]:
    """Run the watchdog here, without its pause, as the deployed function; return result and log."""
    monkeypatch.setattr("watchdog.watch.COMPARISON_PAUSE_SECONDS", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    name = find_function_name(world.aws, "QueueEnds-dev", "Watchdog")
    function = world.aws.client("lambda").get_function_configuration(FunctionName=name)
    role = world.aws.client("sts").assume_role(
        RoleArn=function["Role"], RoleSessionName="watchdog-in-test"
    )["Credentials"]

    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name=world.aws.region,
            endpoint_url=world.aws.endpoint,
            aws_access_key_id=role["AccessKeyId"],
            aws_secret_access_key=role["SecretAccessKey"],
            aws_session_token=role["SessionToken"],
            verify=world.aws.environment["AWS_CA_BUNDLE"],
        )

    services = ("secretsmanager", "events", "cloudformation", "sqs")
    log = io.StringIO()
    result = watch(
        WatchdogDeployment.from_environment(function["Environment"]["Variables"]),
        Clock().invocation(),
        Clients(*map(client, services)),
        # Loggers with the same name share a stream.
        Logger(service=uuid4().hex, stream=log, level="INFO"),
    )
    return result, log.getvalue()


def test_a_deleted_subscription_is_there_and_active_after_one_run(
    world: World, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = world.of_stage("dev")
    del world.genesys.subscriptions[before["id"]]

    result, log = run_watchdog(world, monkeypatch)

    assert result["healthy"] is True, log
    assert result["healed"] == ["POST /api/v2/events/subscriptions"]
    (healed,) = world.of_stage("dev")
    assert healed["status"] == "active"
    for key in ("attributeFilter", "eventTypes", "destination", "description"):
        assert healed[key] == before[key]
    assert "Could not keep metrics awake" not in log
