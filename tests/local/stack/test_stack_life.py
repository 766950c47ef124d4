"""The stack's life: redeployed, changed, refused, rolled back, removed."""

import copy

import pytest

from local.aws.project import Deployment
from local.genesys.problems import problem
from local.genesys.subscriptions import FOREIGN_ARN
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES
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
    assert new <= ({"login", "list", "read"} if looked else set())


def test_other_queues_and_another_secret_update_the_subscription_in_place(
    world: World, deployed: Deployment
) -> None:
    world.put_credentials("queue-ends/another")
    queue_ids = [OUR_QUEUES[0], FOREIGN_QUEUES[0]]

    changed = world.project.deploy(
        "dev", **world.settings(queue_ids=queue_ids, genesys_secret="queue-ends/another")
    )

    (subscription,) = world.of_stage("dev")
    assert changed.outputs["SubscriptionId"] == deployed.outputs["SubscriptionId"]
    assert subscription["id"] == deployed.outputs["SubscriptionId"]
    assert (
        subscription["attributeFilter"] == f"queueId in ['{OUR_QUEUES[0]}', '{FOREIGN_QUEUES[0]}']"
    )


def test_creates_that_fail_say_why_and_leave_what_is_not_ours(
    world: World, deployed: Deployment
) -> None:
    taken = world.genesys.subscriptions.seed("queue-ends-taken")
    before = copy.deepcopy(world.of_stage("taken"))
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
    assert [call.status for call in world.genesys.calls].count(201) == 2, "it had been made"
    assert world.of_stage("failing") == []


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
