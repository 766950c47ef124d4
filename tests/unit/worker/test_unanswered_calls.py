"""The log of a worker in a private network says which service it has no way to."""

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.bodies import end
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import records
from tests.fakes.batches import Batches

NO_WAY = EndpointConnectionError(endpoint_url="https://service.eu-west-1.amazonaws.com")


@pytest.mark.parametrize("operation", ["batch_execute_statement", "batch_get_item"])
def test_a_ledger_without_an_answer_needs_a_way_to_dynamodb(
    batches: Batches, dynamodb: FakeDynamoDb, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    batches.run(records(end("c")))
    dynamodb.always(operation, NO_WAY)
    (outcome,) = batches.run(records(end("c"))).outcomes
    assert (outcome.reason, outcome.detail) == ("ledger", "NoAnswer")
    monkeypatch.setenv("PRIVATE_NETWORK", "true")
    (outcome,) = batches.run(records(end("c"))).outcomes
    assert "needs a way to DynamoDB: a NAT gateway or the gateway endpoint" in outcome.detail


def test_a_reject_without_an_answer_needs_a_way_to_sqs(
    batches: Batches, sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs.always("send_message_batch", NO_WAY)
    monkeypatch.setenv("PRIVATE_NETWORK", "true")
    (outcome,) = batches.run(records("no JSON")).outcomes
    assert outcome.reason == "dead_letter_queue"
    assert "needs a way to SQS: a NAT gateway or the interface endpoint" in outcome.detail
