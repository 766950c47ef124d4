"""Dead letters redriven by a real process of the command line, which is killed in the middle."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from local.aws.emulator import Emulator, emulator
from local.aws.project import ROOT
from tests.bodies import end
from tests.children import child, status_of
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import records
from tests.fakes.batches import Batches
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination
from tests.polling import wait_until

pytestmark = pytest.mark.xdist_group("emulator")

LETTERS = 1_000
OTHERS = 20
TEMPLATE = {
    "Resources": {
        "Intake": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "intake"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
    },
    "Outputs": {
        "QueueUrl": {"Value": {"Ref": "Intake"}},
        "DeadLetterQueueUrl": {"Value": {"Ref": "Dead"}},
    },
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as running:
        cloudformation = running.client("cloudformation")
        cloudformation.create_stack(StackName="QueueEnds-dev", TemplateBody=json.dumps(TEMPLATE))
        yield running


class Queues:
    """The two queues of the stack."""

    def __init__(self, aws: Emulator) -> None:
        self._sqs = aws.client("sqs")
        self.intake, self.dead = (
            self._sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("intake", "dead")
        )

    def put_dead(self, bodies: Sequence[str], reason: str) -> None:
        attributes = {
            "reason": {"DataType": "String", "StringValue": reason},
            "own": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body, "MessageAttributes": attributes}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            assert not self._sqs.send_message_batch(QueueUrl=self.dead, Entries=entries).get(
                "Failed"
            )

    def counts(self, url: str) -> tuple[int, int]:
        """Return how many messages are visible and hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(told[names[0]]), int(told[names[1]])

    def take(self, url: str) -> list[dict[str, Any]]:
        """Receive and delete all messages."""
        taken: list[dict[str, Any]] = []
        while batch := self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += batch
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(batch)
            ]
            self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return taken


def delivered(bodies: Sequence[str]) -> list[Counter[str]]:
    """Have the worker process messages; return how often each destination got each end."""
    destinations = [FakeDestination("bus"), FakeDestination("webhook")]
    batches = Batches(FakeSqs(), Clock(), FakeDynamoDb())
    batches.destinations = [*destinations]
    for start in range(0, len(bodies), 10):
        report = batches.run(records(*bodies[start : start + 10]))
        assert not report.of_kind("failed") + report.of_kind("rejected")
    return [Counter(name for name, *_ in one.received) for one in destinations]


def test_a_redrive_killed_in_the_middle_loses_no_end_and_doubles_none(aws: Emulator) -> None:
    queues = Queues(aws)
    ends = {f"conversation-{number}": end(f"conversation-{number}") for number in range(LETTERS)}
    queues.put_dead([*ends.values()], "destination_refused")
    queues.put_dead(["no JSON"] * OTHERS, "not_json")
    command = [sys.executable, "-m", "ops", "dlq", "redrive", "--reason", "destination_refused"]
    options: dict[str, Any] = {
        "cwd": ROOT,
        "env": aws.child_environment(),
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
    }

    with child([*command, "--yes", "--rate", "200"], **options) as first:
        wait_until(lambda: queues.counts(queues.intake)[0] >= LETTERS // 4, "some are redriven")
        first.kill()
    moved, _ = queues.counts(queues.intake)
    assert moved < LETTERS
    redriven = 0
    while sum(queues.counts(queues.dead)) > OTHERS:
        wait_until(lambda: queues.counts(queues.dead)[0] > OTHERS, "dead letters are visible")
        with child([*command, "--yes", "--rate", "500", "--json"], **options) as later:
            assert later.stdout
            summary = json.load(later.stdout)
            assert status_of(later) == 0
        assert (summary["left"], summary["failed"]) == (0, [])
        redriven += summary["redriven"]

    assert redriven + moved >= LETTERS
    assert [message["Body"] for message in queues.take(queues.dead)] == ["no JSON"] * OTHERS
    sent = queues.take(queues.intake)
    assert all(m["MessageAttributes"]["own"]["BinaryValue"] == b"\x00\xff" for m in sent)
    assert delivered([message["Body"] for message in sent]) == [Counter([*ends])] * 2
