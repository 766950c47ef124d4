"""The backfill in the watchdog's run: its log, its metrics, and failures that fail nothing else."""

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import EndpointConnectionError

from backfill.expected_ends import CONVERSATION
from backfill.passes import PASSES
from genesys.conversation_search import PERMISSION
from genesys.queue_ids import pack_ids
from local.genesys.limits import DOWN
from local.http.server import HttpServer
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.dynamodb import TABLE, client_error
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.watchdog import fake_clients
from tests.unit.backfill.conftest import DAY_SECONDS, World, expected_of, make_conversations
from watchdog.backfill_step import BackfillStep
from watchdog.deployment import Deployment

CONVERSATIONS = make_conversations(5, 50, days=0.2)
FOUND = {"MissedEnds": 0.0, "RecoveredEnds": 0.0}


class Step:
    """The step of a stack that was deployed before all conversations began.

    Attributes
    ----------
    world
        The org, the ledger and the worker.
    logged
        The log lines of the last run.
    """

    def __init__(
        self,
        http: HttpServer,
        secrets: FakeSecrets,
        capsys: pytest.CaptureFixture[str],
        mode: str = "repair",
    ) -> None:
        self.world = World(http, CONVERSATION)
        self.logged: list[dict[str, Any]] = []
        self.secrets = secrets
        self.queue_ids: tuple[str, ...] = OUR_QUEUES
        self._mode, self._url, self._capsys = mode, http.url, capsys
        assert self.run() == {}
        self.world.clock.now = DAY_SECONDS / 2
        self.world.know(CONVERSATIONS)

    def run(self, seconds: float = 240) -> dict[str, float]:
        """Run the step and return its metrics; several passes add up."""
        properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": self._url, "ApiUrl": self._url}
        deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
        deployment = Deployment.from_environment(
            {
                "STAGE": "dev",
                "DEPLOYED": json.dumps(deployed),
                "PACKED_QUEUE_IDS": pack_ids(self.queue_ids),
                "QUEUE_URLS": f"{INTAKE},{DEAD}",
                "BACKFILL": self._mode,
                "END_RULE": CONVERSATION,
                "LEDGER_TABLE": TABLE,
            }
        )
        assert deployment.backfill
        lines = io.StringIO()
        step = BackfillStep(
            deployment,
            deployment.backfill,
            fake_clients(self.secrets, queues=self.world.sqs, dynamodb=self.world.dynamodb),
            Logger(service=uuid4().hex, stream=lines, level="INFO"),
            self.world.now_ms,
        )
        step(self.world.clock.invocation(seconds))
        self.logged = [json.loads(line) for line in lines.getvalue().splitlines()]
        values: dict[str, float] = {}
        for metric in metrics_of(self._capsys.readouterr().out):
            assert metric.dimensions == {"Stage": "dev"}
            values[metric.name] = values.get(metric.name, 0) + sum(metric.values)
        return values

    def warnings(self) -> list[str]:
        return [line["message"] for line in self.logged if line["level"] == "WARNING"]


@pytest.fixture
def step(
    http: HttpServer,
    secrets: FakeSecrets,
    capsys: pytest.CaptureFixture[str],
    time_passes: None,
) -> Step:
    return Step(http, secrets, capsys)


def test_missed_ends_are_sent_counted_and_named(step: Step) -> None:
    expected = expected_of(step.world, CONVERSATIONS)
    assert step.run() == {"MissedEnds": len(expected), "RecoveredEnds": len(expected)}
    info, warning = step.logged
    assert (info["level"], info["message"], info["of"]) == ("INFO", "Backfill", "recent")
    assert (info["missing"], info["sent"], info["finished"]) == (len(expected), len(expected), True)
    assert (warning["level"], warning["message"]) == ("WARNING", "Missed ends")
    assert len(warning["ends"]) == 10
    step.world.drain()
    assert step.world.delivered() == expected


def test_a_run_that_misses_nothing_says_zero(step: Step) -> None:
    step.world.deliver([body for one in CONVERSATIONS for body in step.world.bodies_of(one)])
    assert step.run() == FOUND
    assert step.warnings() == []


def test_a_run_without_a_due_pass_is_silent(step: Step) -> None:
    step.run()
    assert step.run() == {}
    assert step.logged == []


def test_a_report_counts_and_sends_nothing(
    http: HttpServer,
    secrets: FakeSecrets,
    capsys: pytest.CaptureFixture[str],
    time_passes: None,
) -> None:
    step = Step(http, secrets, capsys, "report")
    expected = expected_of(step.world, CONVERSATIONS)
    assert step.run() == {"MissedEnds": len(expected), "RecoveredEnds": 0}
    assert step.world.sqs.calls == []


def test_a_missing_permission_is_a_warning_that_names_it(step: Step) -> None:
    step.world.genesys.analytics.permissions = ()
    assert step.run() == {}
    [warning] = step.logged
    assert (warning["message"], warning["of"]) == ("Backfill stopped", "recent")
    assert PERMISSION in warning["reason"]


def test_a_failure_in_the_middle_counts_what_was_sent_before(step: Step) -> None:
    more = make_conversations(6, 200, days=0.2)
    step.world.know(more)
    step.world.dynamodb.script("batch_get_item", None, None)  # the first page
    step.world.dynamodb.always("batch_get_item", client_error("AccessDeniedException"))
    first = step.run()
    assert sorted(step.warnings()) == ["Backfill stopped", "Missed ends"]
    assert first["MissedEnds"] == first["RecoveredEnds"] > 0
    step.world.dynamodb.no_more_faults()
    rest = step.run()
    assert step.warnings() == ["Missed ends"]
    expected = expected_of(step.world, [*CONVERSATIONS, *more])
    assert first["MissedEnds"] + rest["MissedEnds"] == len(expected)


def test_ends_that_the_intake_queue_does_not_take_are_missed_all_the_same(step: Step) -> None:
    step.world.sqs.always("send_message_batch", client_error("AccessDenied"))
    assert step.run() == {
        "MissedEnds": len(expected_of(step.world, CONVERSATIONS)),
        "RecoveredEnds": 0,
    }
    assert sorted({*step.warnings()} - {"Messages not sent"}) == [
        "Backfill stopped",
        "Missed ends",
    ]


def test_a_stack_without_a_queue_id_that_is_a_uuid_searches_nothing(step: Step) -> None:
    step.queue_ids = ()
    assert step.run() == {}
    [warning] = step.logged
    assert "UUID" in warning["reason"]
    assert step.world.genesys.calls == []


@pytest.mark.parametrize("failure", ["outage", "dynamodb", "secret"])
def test_no_failure_fails_the_watchdogs_run(step: Step, failure: str) -> None:
    if failure == "outage":
        step.world.genesys.outage = DOWN
    elif failure == "dynamodb":
        error = EndpointConnectionError(endpoint_url="dynamodb")
        step.world.dynamodb.always("get_item", error)
    else:
        step.secrets.failure = EndpointConnectionError(endpoint_url="secretsmanager")
    assert step.run() == {}
    assert step.warnings() == ["Backfill stopped"]


def test_a_run_without_time_goes_on_in_the_next_one(step: Step) -> None:
    step.world.know(make_conversations(6, 200, days=0.2))
    step.world.clock.now += 60
    values = step.run(seconds=25)
    assert step.logged[0]["finished"] is False
    assert "Backfill incomplete" not in step.warnings()
    for _ in range(10):
        step.world.clock.now += 300
        more = step.run(seconds=30)
        values = {name: values[name] + more.get(name, 0) for name in values}
    step.world.drain()
    assert values["RecoveredEnds"] == len(step.world.delivered())


def test_ends_that_are_too_old_to_look_for_are_a_warning(step: Step) -> None:
    step.world.clock.now += 20 * DAY_SECONDS
    step.run()
    assert step.warnings().count("Ends not looked for") == len(PASSES)


def test_both_passes_get_time_even_if_neither_can_finish(step: Step) -> None:
    step.world.clock.now += 2 * DAY_SECONDS
    worked = []
    for _ in range(4):
        step.world.clock.now = (step.world.clock.now // 300 + 1) * 300
        step.run(seconds=25)
        worked += [line["of"] for line in step.logged if line["message"] == "Backfill"]
    assert {"recent", "old"} <= {*worked[:4]}
