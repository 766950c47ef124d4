"""The example app, with the package installed in an environment of its own, gets the ends."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.aws.emulator import Emulator
from local.aws.project import ROOT, Project
from local.traffic.subscription import Event
from tests.local.stack.world import World
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")

EXAMPLE = ROOT / "examples/own-app"
# `make test` makes this environment, and installs the package there with pip.
PYTHON = ROOT / "build/own-app/bin/python"
STAGE = "own"


@dataclass(frozen=True)
class OwnApp:
    """The deployed app: the items in its table, and the messages of its topic's subscriber."""

    aws: Emulator
    table: str
    subscriber: str

    def calls(self) -> set[tuple[str, str]]:
        """Return the conversation and queue of each item."""
        items = self.aws.client("dynamodb").scan(TableName=self.table)["Items"]
        return {(item["conversation_id"]["S"], item["queue_id"]["S"]) for item in items}

    def surveys(self) -> list[dict[str, Any]]:
        """Return the ends that the subscriber has got and that were not read before."""
        found, sqs = [], self.aws.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.subscriber, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"])["detail"])
                sqs.delete_message(QueueUrl=self.subscriber, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def own_app(world: World, tmp_path: Path) -> Iterator[OwnApp]:
    project = Project(
        world.aws,
        tmp_path / "app",
        source=EXAMPLE,
        names=("app.py", "survey_stack.py", "cdk.json", "settings.toml", "actions"),
        python=str(PYTHON),
        builds=ROOT / "build",
    )
    settings = world.settings(destinations=["actions", "bus"], watchdog="off")
    project.deploy(STAGE, **{k: v for k, v in settings.items() if not k.startswith("webhook")})
    stack = world.aws.client("cloudformation").describe_stack_resources(
        StackName=f"QueueEnds-{STAGE}"
    )["StackResources"]
    ids = {resource["LogicalResourceId"][:-8]: resource["PhysicalResourceId"] for resource in stack}
    yield OwnApp(world.aws, ids["HandledCalls"], subscribe(world.aws, ids["Surveys"]))
    project.destroy(STAGE)


def subscribe(aws: Emulator, topic_arn: str) -> str:
    """Subscribe a new queue to a topic; return the queue's URL."""
    sqs = aws.client("sqs")
    url = str(sqs.create_queue(QueueName="surveys")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    aws.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
    return url


def test_its_action_and_its_rule_get_the_ends_of_calls(
    world: World, own_app: OwnApp, some_events: Callable[[int], list[Event]]
) -> None:
    events = some_events(30)
    calls = {(e.conversation_id, e.queue_id) for e in events if media_type(e) == "VOICE"}
    assert 0 < len(calls) < len(events)
    surveys: list[dict[str, Any]] = []

    def arrived() -> bool:
        surveys.extend(own_app.surveys())
        return len(surveys) >= len(calls) and own_app.calls() >= calls

    world.genesys.publish_all([event.body for event in events])

    wait_until(arrived, "all calls in the table and at the topic's subscriber")
    assert own_app.calls() == calls
    assert {(end["conversation_id"], end["queue_id"]) for end in surveys} == calls


def test_the_installed_package_is_the_one_under_test() -> None:
    (installed,) = (PYTHON.parents[1] / "lib").glob("python3*/site-packages/queue_ends")
    for ours, theirs in (
        (ROOT / "infra", installed),
        (ROOT / "functions", installed / "functions"),
    ):
        for file in ours.rglob("*.py"):
            copy = theirs / file.relative_to(ours)
            assert copy.read_bytes() == file.read_bytes(), "run make build/own-app/.installed"


def media_type(event: Event) -> str | None:
    found = [p.get("mediaType") for p in event.body["attributes"]["participants"]]
    return next(filter(None, found), None)
