"""The stack's life: redeployed, changed, refused, rolled back, removed."""

import copy
import time
from typing import Any

import pytest

from local.aws.project import DeployFailed, Deployment
from local.genesys.problems import problem
from local.genesys.subscriptions import FOREIGN_ARN
from local.traffic.subscription import FOREIGN, OURS
from tests.local.conftest import World

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")


def stacks(world: World, stage: str) -> list[dict[str, Any]]:
    """Return a stage's stack, unless it is gone."""
    found = world.aws.client("cloudformation").describe_stacks()["Stacks"]
    return [
        stack
        for stack in found
        if stack["StackName"] == f"QueueEnds-{stage}"
        and stack["StackStatus"] not in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")
    ]


def test_deploying_again_without_a_change_changes_nothing(
    world: World, deployed: Deployment
) -> None:
    calls = len(world.genesys.calls)

    again = world.project.deploy("dev", **world.settings())

    assert not again.changed
    assert again.outputs == deployed.outputs
    assert len(world.genesys.calls) == calls


def test_other_queues_and_another_secret_update_the_subscription_in_place(
    world: World, deployed: Deployment
) -> None:
    world.put_credentials("queue-ends/another")
    queue_ids = [OURS[0], FOREIGN[0]]

    changed = world.project.deploy(
        "dev", **world.settings(queue_ids=queue_ids, genesys_secret="queue-ends/another")
    )

    (subscription,) = world.of_stage("dev")
    assert changed.outputs["SubscriptionId"] == deployed.outputs["SubscriptionId"]
    assert subscription["id"] == deployed.outputs["SubscriptionId"]
    assert subscription["attributeFilter"] == f"queueId in ['{OURS[0]}', '{FOREIGN[0]}']"


def test_a_name_that_is_taken_fails_the_deploy_within_a_minute_and_is_left_alone(
    world: World,
) -> None:
    taken = world.genesys.subscriptions.seed("queue-ends-taken")
    (before,) = copy.deepcopy(world.of_stage("taken"))
    began = time.monotonic()

    with pytest.raises(DeployFailed) as failure:
        world.project.deploy("taken", **world.settings())

    assert time.monotonic() - began < 60
    assert taken in failure.value.reason
    assert FOREIGN_ARN in failure.value.reason
    assert "another stage" in failure.value.reason
    assert world.of_stage("taken") == [before]
    assert stacks(world, "taken") == []


def test_a_create_that_fails_after_it_made_the_subscription_leaves_none(world: World) -> None:
    world.genesys.instead("read", problem(403, "Forbidden."))

    with pytest.raises(DeployFailed) as failure:
        world.project.deploy("failing", **world.settings())

    made = [call for call in world.genesys.calls if call.status == 201]
    assert len(made) >= 1
    assert "event:subscribe:write" in failure.value.reason
    assert "role" in failure.value.reason
    assert world.of_stage("failing") == []
    assert stacks(world, "failing") == []


def test_destroy_removes_our_subscription_and_no_other(world: World, deployed: Deployment) -> None:
    held = copy.deepcopy(list(world.genesys.subscriptions.values()))

    world.project.destroy("dev", **world.settings())

    others = [one for one in held if one["name"] != "queue-ends-dev"]
    assert list(world.genesys.subscriptions.values()) == others
    assert stacks(world, "dev") == []
    assert world.aws.client("sqs").list_queues(QueueNamePrefix="queue-ends-dev-").get(
        "QueueUrls"
    ) in (
        None,
        [],
    )
