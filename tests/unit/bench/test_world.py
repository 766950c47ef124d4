"""AWS without a network, and the batches that it is called for."""

import json
from collections import Counter
from typing import Any

import boto3
import pytest

from bench.world.aws import StubbedAws
from bench.world.events import QUEUE_IDS, Batches
from bench.world.memory import MemoryAws
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event

STATEMENT: Any = {"Statement": "INSERT INTO t VALUE {'a': ?}", "Parameters": [{"S": '"Statement"'}]}
ENTRY: Any = {"Source": "s", "DetailType": "d", "Detail": '{"a": "DetailType"}'}


@pytest.fixture(params=["botocore", "memory"])
def clients(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client for DynamoDB, one for EventBridge, and the AWS that answers both."""
    if request.param == "memory":
        memory = MemoryAws()
        return memory, memory, memory
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    aws = StubbedAws()
    dynamodb, eventbridge = (
        aws.attach(boto3.client(service, region_name="eu-central-1"))
        for service in ("dynamodb", "events")
    )
    return dynamodb, eventbridge, aws


@pytest.mark.parametrize("count", [1, 25])
def test_stubbed_aws_answers_every_entry_of_a_call(clients: Any, count: int) -> None:
    dynamodb, eventbridge, aws = clients

    written = dynamodb.batch_execute_statement(Statements=[STATEMENT] * count)
    put = eventbridge.put_events(Entries=[ENTRY] * count)

    assert len(written["Responses"]) == count
    assert not any("Error" in response for response in written["Responses"])
    assert (len(put["Entries"]), put["FailedEntryCount"]) == (count, 0)
    assert aws.calls == Counter(BatchExecuteStatement=1, PutEvents=1)


def test_all_ends_of_the_batches_are_new_and_in_our_queues() -> None:
    batches = Batches()

    records = [record for _ in range(3) for record in batches.make(50)["Records"]]

    parsed = [parse_subscription_event(it["body"], 0, frozenset(QUEUE_IDS)) for it in records]
    ends = [it.end for it in parsed if isinstance(it, Accepted)]
    assert len({end.conversation_id for end in ends}) == len(records) == 150
    assert {end.queue_id for end in ends} == {*QUEUE_IDS}
    assert len({record["messageId"] for record in records}) == 150


def test_bodies_do_not_grow_with_the_number_of_ends() -> None:
    batches = Batches()

    first, *_, last = (len(json.dumps(batches.make(200))) for _ in range(20))

    assert last == pytest.approx(first, rel=0.05)
