"""The doctor against the deployed stack: all is well, and then the mapping is off."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from local.aws.project import Deployment, find_function_name
from ops import aws
from ops.aws import Aws
from ops.cli import app
from tests.local.stack.world import World
from tests.polling import wait_until

pytestmark = pytest.mark.xdist_group("deployed stack")


@pytest.fixture
def doctor(world: World, deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the doctor and returns its checks, keyed by name."""
    account = Aws(world.aws.account, world.aws.region, world.aws.client, world.aws.endpoint)
    monkeypatch.setattr(aws, "connect", lambda: account)

    def run() -> dict[str, dict[str, str]]:
        values = {
            key: ",".join(value) if isinstance(value, list | tuple) else str(value)
            for key, value in {**world.settings(), "packaging": "host"}.items()
        }
        options = [part for key, value in values.items() for part in ("-c", f"{key}={value}")]
        result = CliRunner().invoke(app, ["doctor", "--json", *options])
        return {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    return run


@pytest.fixture
def mapping_off(world: World, deployed: Deployment) -> Iterator[None]:
    """Switch the event source mapping off, and on again after the test."""
    client = world.aws.client("lambda")
    name = find_function_name(world.aws, "QueueEnds-dev", "Worker")
    (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]

    def switch(*, enabled: bool) -> None:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        wait_until(
            lambda: client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state,
            f"the mapping to be {state}",
        )

    switch(enabled=False)
    yield
    switch(enabled=True)


def test_the_doctor_finds_nothing_wrong_with_the_deployed_stack(doctor: Any) -> None:
    checks = doctor()
    # Other tests leave failures and dead letters. The settings have the example queues.
    others = {"Intake queue", "Dead letters", "Alarms", "Recent messages", "Settings"}
    assert {n: c for n, c in checks.items() if c["status"] != "ok" and n not in others} == {}
    assert checks["Settings"]["status"] == "warning"
    assert checks["Webhook secret"]["status"] == "ok"


@pytest.mark.usefixtures("mapping_off")
def test_the_doctor_names_a_mapping_that_is_off(doctor: Any) -> None:
    checks = doctor()
    assert checks["Event source mapping"]["status"] == "failed"
    assert "--enabled" in checks["Event source mapping"]["fix"]


def test_the_doctor_names_a_subscription_that_is_off(world: World, doctor: Any) -> None:
    (subscription,) = world.of_stage("dev")
    subscription["status"] = "inactive"
    try:
        check = doctor()["Subscription or integration"]
    finally:
        subscription["status"] = "active"
    assert check["status"] == "failed"
    assert "'inactive' instead of 'active'" in check["detail"]
