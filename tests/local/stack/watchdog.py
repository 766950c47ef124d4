"""A run of the deployed stack's watchdog in this process, with its environment and role."""

import io
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools import Logger

from local.aws.project import find_function_name
from tests.fakes.clock import Clock
from tests.local.stack.world import World
from tests.polling import wait_until
from watchdog.clients import Clients
from watchdog.deployment import Deployment
from watchdog.watch import watch


def run_watchdog(
    world: World, monkeypatch: pytest.MonkeyPatch, **changes: str
) -> tuple[dict[str, Any], str]:
    """Run the watchdog here, without its pause, as the deployed function; return result and log.

    If the schedule has just invoked the function, that run comes first. `changes` replace some of
    the function's environment variables.
    """
    monkeypatch.setattr("watchdog.watch.COMPARISON_PAUSE_SECONDS", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    name = find_function_name(world.aws, "QueueEnds-dev", "Watchdog")
    function = world.aws.client("lambda").get_function_configuration(FunctionName=name)
    role = world.aws.client("sts").assume_role(
        RoleArn=function["Role"], RoleSessionName="watchdog-in-test"
    )["Credentials"]

    make_client: Any = boto3.client

    def client(service: str) -> Any:
        return make_client(
            service,
            region_name=world.aws.region,
            endpoint_url=world.aws.endpoint,
            aws_access_key_id=role["AccessKeyId"],
            aws_secret_access_key=role["SecretAccessKey"],
            aws_session_token=role["SessionToken"],
            verify=world.aws.environment["AWS_CA_BUNDLE"],
        )

    services = ("secretsmanager", "events", "cloudformation", "sqs", "dynamodb")
    log = io.StringIO()
    deployment = Deployment.from_environment(function["Environment"]["Variables"] | changes)
    clients = Clients(*map(client, services))
    # Loggers with the same name share a stream.
    logger = Logger(service=uuid4().hex, stream=log, level="INFO")
    result: dict[str, Any] = {}

    def has_run() -> bool:
        result.clear()
        result.update(watch(deployment, Clock().invocation(), clients, logger))
        return "skipped" not in result

    wait_until(has_run, "the watchdog's scheduled run to end")
    return result, log.getvalue()


def restore(world: World, subscription: dict[str, Any]) -> None:
    """Make a subscription that a test has removed the only one of stage dev, and active."""
    subscriptions = world.genesys.subscriptions
    for one in world.of_stage("dev"):
        del subscriptions[one["id"]]
    subscriptions[subscription["id"]] = subscription
    subscriptions.enter(subscription, "active")
