"""No log of the deployed stack holds what people said, who they are, or a secret.

`World.check_secrets` searches all artefacts for secrets, before a stack is destroyed and at the end
of each world's tests, and so after all that they did.
"""

import base64
import gzip

import pytest

from local.aws.project import Deployment
from local.demo.counts import logged_outcomes
from local.genesys.login import CLIENT_SECRET
from local.runs.queues import count_messages
from tests.artefacts import KINDS
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
    searched = 0
    for kind in ("logs", "output"):
        for _, content in KINDS[kind](world.aws):
            searched += len(content.splitlines())
            assert found_in(content.decode()) == []
    assert searched > 50
    sqs.purge_queue(QueueUrl=deployed.outputs["DeadLetterQueueUrl"])


def test_a_secret_planted_in_the_run_is_found(world: World, deployed: Deployment) -> None:
    parameters, packed = world.aws.client("ssm"), gzip.compress(CLIENT_SECRET.encode())
    world.check_secrets()

    planted = base64.b64encode(packed).decode()
    parameters.put_parameter(Name="/planted", Value=planted, Type="String")
    try:
        with pytest.raises(AssertionError, match=r"'/planted': .*'client secret'"):
            world.check_secrets()
    finally:
        parameters.delete_parameter(Name="/planted")
