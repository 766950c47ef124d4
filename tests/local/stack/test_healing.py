"""The watchdog heals with the environment and the permissions that the deployed stack gives it."""

import pytest

from local.aws.project import Deployment
from tests.local.stack.watchdog import restore, run_watchdog
from tests.local.stack.world import World

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")


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
    restore(world, before)


def test_the_watchdog_may_see_no_other_stack_and_heals_nothing_without_a_status(
    world: World, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = world.of_stage("dev")
    del world.genesys.subscriptions[before["id"]]

    result, log = run_watchdog(world, monkeypatch, STACK_NAME="CDKToolkit")

    assert result["healed"] == []
    assert "did not report the status of the stack CDKToolkit (AccessDenied)" in log
    assert world.of_stage("dev") == []
    restore(world, before)
