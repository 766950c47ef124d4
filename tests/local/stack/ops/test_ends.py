"""The operator's commands about ends, and `status`, against the deployed stack."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local.aws.project import Deployment
from local.receivers.crm import Crm
from ops import aws
from ops.aws import Aws
from ops.cli import app
from tests.local.stack.world import World

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")


@pytest.fixture(autouse=True)
def _account(world: World, deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands act on the emulator."""
    emulator = world.aws
    account = Aws(emulator.account, emulator.region, emulator.client, emulator.endpoint)
    monkeypatch.setattr(aws, "connect", lambda: account)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="queue-ends")


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def send_end() -> str:
    """Send a test end that is processed; return its conversation's id."""
    sent = run_json("send", "--yes", "--timeout", "120")
    assert sent["outcome"] == "processed", sent
    return str(sent["conversation_id"])


@pytest.fixture
def refusing_crm(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    """A CRM that refuses all ends of the conversation whose id is the next new one."""
    conversation_id = uuid.uuid4()
    world.customers.refusals[str(conversation_id)] = 1_000
    monkeypatch.setattr(uuid, "uuid4", lambda: conversation_id)
    yield world.customers
    del world.customers.refusals[str(conversation_id)]


def test_a_test_end_is_sent_found_followed_and_forgotten(
    world: World, deployed: Deployment
) -> None:
    conversation_id = send_end()

    found = run_json("find", conversation_id)
    assert [end["state"] for end in found["ends"]] == ["done"]
    assert {*found["ends"][0]["delivered"]} == {*world.settings()["destinations"]}

    lines = [json.loads(line) for line in run("tail", "--once", "--json").stdout.splitlines()]
    assert sum(line["counts"]["ended"] for line in lines if line["kind"] == "batch") >= 1
    assert run("tail", "--once").exit_code == 0

    assert run_json("forget", conversation_id, "--yes")["deleted"]["ledger"] == 1
    assert run_json("find", conversation_id)["ends"] == []
    assert not [key for key in world.ledger(deployed) if key[0] == conversation_id]


def test_an_end_that_the_action_refuses_is_reported_as_failed(
    world: World, refusing_crm: Crm
) -> None:
    result = run("send", "--yes", "--timeout", "120")

    assert result.exit_code == 1
    assert "Failed (destination" in result.stdout


def test_the_status_of_the_deployed_stack_is_readable_and_complete(deployed: Deployment) -> None:
    send_end()

    text, status = run("status").stdout, run_json("status")

    assert max(map(len, text.splitlines())) <= 80
    assert status["resource_id"] == deployed.outputs["SubscriptionId"]
    assert status["mapping"] == "Enabled"
    assert status["queues"].keys() == {"intake", "dead-letter"}
    assert status["last_hour"]["counts"]["ended"] >= 1
    assert status["last_hour"]["mean_ms"] is not None
    assert len(status["last_ends"]) >= 1
    assert status["alarms"]["ok"] + status["alarms"]["insufficient_data"] > 0
