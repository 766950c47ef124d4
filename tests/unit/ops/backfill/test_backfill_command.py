"""The command `backfill`, with the stand-in's analytics and a ledger in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError

from backfill import requests
from conversations.parsed import Accepted
from infra.settings.attribute_filter import derive_filter
from intake.delayed_ends import parse_delayed_body
from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from local.traffic.analytics import analytics_of
from local.traffic.eventbridge import Conversation, partner_conversations
from local.traffic.subscription import OUR_QUEUES, START
from ops.backfill.window import parse_time
from ops.errors import Status
from tests.fakes.aws.cloudformation import PROPERTIES, QUEUE_NAMES, SUBSCRIPTION
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import INTAKE
from tests.fakes.partner_worker import DelayingSqs
from tests.unit.ops.conftest import Ops

OUTPUTS = {
    "QueueUrl": INTAKE,
    "QueueArn": "arn:aws:sqs:eu-west-1:123456789012:queue-ends-dev-intake",
    "LedgerTableName": TABLE,
    "WorkerFunctionName": "worker",
}
DAY = START.strftime("%Y-%m-%d")
NEXT_DAY = (START + timedelta(days=2)).strftime("%Y-%m-%d")


@dataclass
class FakeStack:
    """CloudFormation and Lambda, as far as they know the stack of stage dev."""

    url: str
    variables: dict[str, str] = field(default_factory=lambda: {"LEDGER_DAYS": "36500"})
    filter: str = derive_filter(OUR_QUEUES)

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}]}

    def get_template(self, **_: Any) -> dict[str, Any]:
        urls = {"LoginUrl": self.url, "ApiUrl": self.url}
        source = {**PROPERTIES[SUBSCRIPTION], **urls, "AttributeFilter": self.filter}
        names = {**PROPERTIES[QUEUE_NAMES], "QueueIds": list(OUR_QUEUES)}
        resources = {
            "Source": {"Type": SUBSCRIPTION, "Properties": source},
            "Names": {"Type": QUEUE_NAMES, "Properties": names},
        }
        return {"TemplateBody": {"Resources": resources}}

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"Environment": {"Variables": self.variables}}


@dataclass
class World:
    """An operator's command line, the org, the ledger and the intake queue."""

    ops: Ops
    genesys: GenesysCloud
    dynamodb: FakeDynamoDb
    sqs: DelayingSqs

    def know(self, count: int) -> list[Conversation]:
        """Add conversations of one day to the analytics."""
        conversations = [*partner_conversations(11, count, own_share=1, start=START)]
        for one in conversations:
            self.genesys.analytics.add(analytics_of(one.events))
        return conversations

    def backfill(self, *options: str) -> Any:
        """Run the command for the day of the conversations; return what it printed."""
        window = ("--from", DAY, "--to", NEXT_DAY, "--look-back-days", "1")
        return self.ops.run("backfill", *window, "--json", *options)


@pytest.fixture
def world(
    make_ops: Callable[..., Ops],
    http: HttpServer,
    secrets: FakeSecrets,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(requests, "MIN_INTERVAL_MS", 0)
    monkeypatch.setattr(requests, "PAUSE_SECONDS", 0.01)
    http.respond = genesys = GenesysCloud()
    stack, dynamodb, sqs = FakeStack(http.url), FakeDynamoDb(), DelayingSqs()
    clients: dict[str, Any] = {
        "cloudformation": stack,
        "lambda": stack,
        "dynamodb": dynamodb,
        "sqs": sqs,
        "secretsmanager": secrets,
    }
    return World(make_ops(**clients), genesys, dynamodb, sqs)


def test_a_dry_run_lists_what_is_missing_and_sends_nothing(world: World) -> None:
    world.know(10)

    result = world.backfill("--dry-run")

    shown = json.loads(result.stdout)
    assert result.exit_code == Status.PROBLEM
    assert shown["ends"] == len(shown["missing"]) > 0
    assert (shown["sent"], shown["complete"]) == (0, True)
    assert shown["missing"][0].keys() == {"conversation_id", "queue_id", "ended_at"}
    assert world.sqs.delayed == []


def test_missing_ends_are_put_on_the_intake_queue_once_confirmed(world: World) -> None:
    world.know(10)

    result = world.backfill("--yes")

    shown = json.loads(result.stdout)
    assert result.exit_code == Status.OK
    assert shown["sent"] == len(shown["missing"]) > 0
    parsed = [parse_delayed_body(e["MessageBody"], OUR_QUEUES) for e in world.sqs.delayed]
    ends = [one.end for one in parsed if isinstance(one, Accepted)]
    assert len(ends) == len(parsed) == shown["sent"]
    assert {end.source for end in ends} == {"backfill"}
    assert "QueueEnds-dev in AWS account 123456789012" in result.stderr


def test_missing_ends_stay_unsent_without_a_confirmation(world: World) -> None:
    world.know(5)

    result = world.backfill()

    assert result.exit_code == Status.USAGE
    assert "--yes" in result.stderr
    assert world.genesys.calls == [], "a long search would be in vain"
    assert world.sqs.delayed == []


def test_nothing_missing_is_well(world: World) -> None:
    result = world.backfill("--dry-run")

    assert result.exit_code == Status.OK
    assert json.loads(result.stdout)["missing"] == []


def test_the_end_rule_of_the_deployed_worker_decides(world: World) -> None:
    world.know(20)
    touched = json.loads(world.backfill("--dry-run").stdout)["missing"]
    world.ops.clients["lambda"].variables["END_RULE"] = "last_queue"

    last = json.loads(world.backfill("--dry-run").stdout)["missing"]

    assert 0 < len(last) < len(touched)


def test_ends_from_before_the_ledgers_memory_are_not_called_missing(world: World) -> None:
    world.know(3)
    world.ops.clients["lambda"].variables["LEDGER_DAYS"] = "0"

    result = world.backfill("--yes")

    assert result.exit_code == Status.USAGE
    assert "ledger_days" in json.loads(result.stdout)["error"]
    assert world.sqs.delayed == []


def test_ends_that_a_filter_of_ones_own_may_hold_back_are_only_shown(world: World) -> None:
    world.know(3)
    world.ops.clients["cloudformation"].filter = "queue.name = 'Support'"

    refused, shown = world.backfill("--yes"), world.backfill("--dry-run")

    assert refused.exit_code == Status.USAGE
    assert "attribute_filter" in json.loads(refused.stdout)["error"]
    assert json.loads(shown.stdout)["missing"]
    assert world.sqs.delayed == []


def test_a_missing_permission_is_named(world: World) -> None:
    world.genesys.analytics.permissions = ()

    result = world.backfill("--dry-run")

    assert result.exit_code == Status.UNAVAILABLE
    assert "analytics:conversationDetail:view" in json.loads(result.stdout)["error"]


def test_a_refused_login_sends_the_operator_to_the_doctor(world: World) -> None:
    world.genesys.client_secret = "another"

    result = world.backfill("--dry-run")

    assert result.exit_code == Status.UNAVAILABLE
    assert "queue-ends doctor" in json.loads(result.stdout)["error"]


def test_messages_that_sqs_does_not_confirm_are_a_problem_to_repeat(world: World) -> None:
    world.know(3)
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")
    world.sqs.send_message_batch = _raises(denied)  # type: ignore[method-assign]

    result = world.backfill("--yes")

    assert result.exit_code == Status.PROBLEM
    assert "Run the command again" in json.loads(result.stdout)["error"]


def test_a_person_sees_counts_and_the_first_missing_ends(world: World) -> None:
    (first, *_) = world.know(30)

    result = world.ops.run("backfill", "--from", DAY, "--to", NEXT_DAY, "--dry-run")

    assert "missing in the ledger" in result.stdout
    assert first.id in result.stdout
    assert "more; --json lists all" in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        (("--from", "2026-11-02", "--to", "2026-11-01"), "--from is not before --to"),
        (("--from", "2999-01-01", "--to", "2999-01-02"), "--from is in the future"),
        (("--from", "2999-01-01"), "--from is in the future"),
        (("--from", "yesterday"), "Invalid value for '--from': 'yesterday' is no time"),
        (("--from", "2026-11-02", "--to", "x"), "Invalid value for '--to': 'x' is no time"),
    ],
)
def test_a_wrong_window_is_explained(world: World, window: tuple[str, ...], reason: str) -> None:
    result = world.ops.run("backfill", *window)

    assert result.exit_code == Status.USAGE
    assert reason in " ".join(result.output.split())


def test_a_window_whose_ends_may_still_be_on_their_way_is_refused(world: World) -> None:
    result = world.ops.run("backfill", "--from", f"{datetime.now(UTC) - timedelta(seconds=1)}")

    assert result.exit_code == Status.USAGE
    assert "too recent" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:00:01", 1_000),
        ("1970-01-01T01:00:01.5+01:00", 1_500),
        ("1970-01-01T00:00Z", 0),
    ],
)
def test_a_time_without_an_offset_is_in_utc(text: str, epoch_ms: int) -> None:
    assert parse_time(text) == epoch_ms


@pytest.mark.parametrize("text", ["", "now", "2026-13-01", "0001-01-01T00:00+23:00x"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_time(text)


def _raises(error: Exception) -> Callable[..., Any]:
    def raise_it(**_: Any) -> Any:
        raise error

    return raise_it
