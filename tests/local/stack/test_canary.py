"""No log of the deployed stack holds what people said, who they are, or a secret."""

import pytest

from local.aws.project import Deployment
from local.demo.counts import logged_outcomes
from local.runs.queues import count_messages
from tests.canaries import found_in, seeded
from tests.local.stack.world import World
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")


def test_no_log_holds_anything_of_what_is_in_messages(world: World, deployed: Deployment) -> None:
    sqs, queue = world.aws.client("sqs"), deployed.outputs["QueueUrl"]
    bodies = seeded("subscription")
    assert all(map(found_in, bodies[:1])), "else nothing could be found"
    for start in range(0, len(bodies), 10):
        some = enumerate(bodies[start : start + 10])
        entries = [{"Id": str(number), "MessageBody": body} for number, body in some]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    wait_until(lambda: not count_messages(world.aws, queue), "all to be done with")

    outcomes = logged_outcomes(world.aws, deployed.outputs["WorkerFunctionName"])
    assert all(outcomes[outcome] for outcome in ("processed", "ignored", "rejected"))
    logs, searched = world.aws.client("logs"), 0
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"]
        ):
            for event in page["events"]:
                searched += 1
                assert found_in(event["message"]) == []
                assert world.genesys.client_secret not in event["message"]
                assert world.webhook.secret not in event["message"]
    assert searched > 50
    sqs.purge_queue(QueueUrl=deployed.outputs["DeadLetterQueueUrl"])
