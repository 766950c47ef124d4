"""The stack's life: redeployed, changed, refused, rolled back, removed."""

import copy
import json
from typing import Any

import pytest

from local.aws.project import DeployFailed, Deployment
from local.genesys.problems import problem, too_many_requests
from local.genesys.subscriptions import FOREIGN_ARN
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES
from tests.local.stack.watchdog import restore, run_watchdog
from tests.local.stack.world import World
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")


def test_deploying_again_without_a_change_changes_nothing(
    world: World, deployed: Deployment
) -> None:
    calls, looks = len(world.genesys.calls), world.counted("Invocations", "Watchdog")

    again = world.project.deploy("dev", **world.settings())

    assert not again.changed
    assert again.outputs == deployed.outputs
    new = {call.operation for call in world.genesys.calls[calls:]}
    # The watchdog may look meanwhile, by its schedule, and nobody else.
    looked = world.counted("Invocations", "Watchdog") > looks
    assert new <= ({"login", "list", "read", "queues"} if looked else set())


def test_other_queues_and_another_secret_update_the_subscription_in_place(
    world: World, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_credentials("queue-ends/another")
    queue_ids = [OUR_QUEUES[0], FOREIGN_QUEUES[0]]
    watched: list[tuple[dict[str, Any], str]] = []

    def run_watchdog_without_a_subscription() -> None:
        held = world.genesys.subscriptions.pop(deployed.outputs["SubscriptionId"])
        watched.append(run_watchdog(world, monkeypatch))
        restore(world, held)

    world.genesys.before("replace", run_watchdog_without_a_subscription)

    changed = world.project.deploy(
        "dev", **world.settings(queue_ids=queue_ids, genesys_secret="queue-ends/another")
    )

    ((result, log),) = watched
    assert result["healed"] == [], "a deploy was under way"
    assert "UPDATE_IN_PROGRESS" in log
    (subscription,) = world.of_stage("dev")
    assert changed.outputs["SubscriptionId"] == deployed.outputs["SubscriptionId"]
    assert subscription["id"] == deployed.outputs["SubscriptionId"]
    assert (
        subscription["attributeFilter"] == f"queueId in ['{OUR_QUEUES[0]}', '{FOREIGN_QUEUES[0]}']"
    )


def test_a_renamed_queue_has_its_new_name_everywhere_after_the_next_deploy(
    world: World, deployed: Deployment
) -> None:
    first = world.project.deploy("dev", **world.settings(deployed_at="2026-12-01T10:00:00Z"))
    assert first.outputs["QueueNames"] == "Support (a1b2…), Billing (b2c3…)"

    world.genesys.queues.seed(OUR_QUEUES[0], 'The "first" line: $5')
    again = world.project.deploy("dev", **world.settings(deployed_at="2026-12-01T11:00:00Z"))

    label = "The first line: 5 (a1b2…)"
    assert again.outputs["QueueNames"] == f"{label}, Billing (b2c3…)"
    worker = world.aws.client("lambda").get_function_configuration(
        FunctionName=again.outputs["WorkerFunctionName"]
    )
    assert worker["Environment"]["Variables"]["QUEUE_NAMES"] == 'The "first" line: $5\nBilling'
    dashboard = world.aws.client("cloudwatch").get_dashboard(
        DashboardName=again.outputs["DashboardName"]
    )
    labels = [
        metric[-1]["label"]
        for widget in json.loads(dashboard["DashboardBody"])["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if "QueueId" in metric
    ]
    assert labels == [label, "Billing (b2c3…)"] * 2


def test_creates_that_fail_say_why_and_leave_what_is_not_ours(
    world: World, deployed: Deployment
) -> None:
    taken = world.genesys.subscriptions.seed("queue-ends-taken")
    before = copy.deepcopy(world.of_stage("taken"))
    made_before = _created_count(world)
    world.create("taken")
    wait_until(lambda: world.stack("taken")[0] == "ROLLBACK_COMPLETE", "it to be rolled back")
    world.genesys.instead("read", problem(403, "Forbidden."))
    world.create("failing")
    wait_until(lambda: world.stack("failing")[0] == "ROLLBACK_COMPLETE", "that one too")

    reason = world.stack("taken")[1][0]
    assert taken in reason
    assert FOREIGN_ARN in reason
    assert "another stage" in reason
    assert world.of_stage("taken") == before
    reason = world.stack("failing")[1][0]
    assert "event:subscribe:write" in reason
    assert "role" in reason
    assert _created_count(world) == made_before + 1, "it had been made"
    assert world.of_stage("failing") == []


def test_a_stack_that_is_deleted_while_genesys_cloud_is_busy_leaves_nothing_there(
    world: World, deployed: Deployment
) -> None:
    cloudformation, name = world.aws.client("cloudformation"), "QueueEnds-cancelled"
    before = len(world.genesys.calls)
    world.genesys.before("create", lambda: cloudformation.delete_stack(StackName=name))
    world.genesys.instead("create", too_many_requests(2))
    world.create("cancelled")

    def create_has_failed() -> bool:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [event.get("ResourceStatusReason", "") for event in events]
        return any("no new subscription may stay" in reason for reason in reasons)

    wait_until(create_has_failed, "the Create to outlive its stack")
    created = [call.status for call in world.genesys.calls[before:] if call.operation == "create"]
    assert created == [429]
    assert world.of_stage("cancelled") == []


def _created_count(world: World) -> int:
    """Return how many subscriptions were created so far."""
    return [call.status for call in world.genesys.calls].count(201)


def test_a_queue_that_the_org_does_not_have_stops_the_deploy_and_is_named(
    world: World, deployed: Deployment
) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    before = copy.deepcopy(world.of_stage("dev"))
    del world.genesys.queues[OUR_QUEUES[1]]  # so that the roll-back finds it gone

    with pytest.raises(DeployFailed, match=unknown):
        world.project.deploy(
            "dev",
            **world.settings(
                queue_ids=[OUR_QUEUES[0], unknown], deployed_at="2026-12-01T12:00:00Z"
            ),
        )

    assert world.stack("dev")[0] == "UPDATE_ROLLBACK_COMPLETE"
    assert world.of_stage("dev") == before
    world.genesys.queues.seed(OUR_QUEUES[1], "Billing")


def test_destroy_removes_our_subscription_and_no_other(world: World, deployed: Deployment) -> None:
    held = copy.deepcopy(list(world.genesys.subscriptions.values()))

    world.project.destroy("dev", **world.settings())

    others = [one for one in held if one["name"] != "queue-ends-dev"]
    assert list(world.genesys.subscriptions.values()) == others
    stacks = world.aws.client("cloudformation").describe_stacks()["Stacks"]
    status = {stack["StackName"]: stack["StackStatus"] for stack in stacks}
    assert status.get("QueueEnds-dev") in (None, "DELETE_COMPLETE")
    queues = world.aws.client("sqs").list_queues(QueueNamePrefix="queue-ends-dev-")
    assert not queues.get("QueueUrls")
