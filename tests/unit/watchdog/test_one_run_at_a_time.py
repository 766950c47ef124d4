"""Of two runs at the same time, one does nothing; without DynamoDB, no run changes anything."""

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from local.genesys.problems import problem
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.aws.dynamodb import Lost, client_error
from tests.unit.watchdog.conftest import Watchdog
from watchdog import watch
from watchdog.watch import ANOTHER_RUN, ComparisonFailed

TIMEOUT_SECONDS = 240
INTERVAL_SECONDS = 300
NO_WAY = EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")


@pytest.fixture
def unhealthy(healing_watchdog: Watchdog) -> Watchdog:
    """A watchdog that has something to heal."""
    (ours,) = healing_watchdog.delivery.entities.find_by_name(NAME)
    healing_watchdog.delivery.spoil(ours)
    return healing_watchdog


def test_only_one_of_two_runs_at_the_same_time_heals_and_reports(unhealthy: Watchdog) -> None:
    skipped_runs = []

    def run_meanwhile() -> None:
        unhealthy.run()
        (line,) = unhealthy.logged
        skipped_runs.append((unhealthy.skipped, unhealthy.healthy, line["level"], line["reason"]))

    unhealthy.genesys.before("list", run_meanwhile)
    assert unhealthy.run() == []

    assert skipped_runs == [(ANOTHER_RUN, [], "INFO", ANOTHER_RUN)]
    assert unhealthy.skipped == ""
    assert unhealthy.healthy == [0, 1]
    assert unhealthy.healed
    assert unhealthy.backfills == 1
    assert {*unhealthy.queues.reads.values()} == {1}
    assert unhealthy.dynamodb.mistakes() == []


def test_a_run_may_begin_when_the_one_before_has_ended_or_failed(watchdog: Watchdog) -> None:
    watchdog.run()
    watchdog.genesys.outage = problem(503, "down")
    with pytest.raises(ComparisonFailed):
        watchdog.run()
    watchdog.genesys.outage = None
    watchdog.run()
    assert watchdog.skipped == ""
    assert watchdog.backfills == 2


def test_the_lease_of_a_killed_run_is_over_before_the_next_scheduled_run(
    unhealthy: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(watch, "_give_back", lambda *_: None)
        patch.setattr(watch, "_run", lambda *_: {"differences": [], "healed": [], "healthy": True})
        unhealthy.run()

    unhealthy.clock.now = TIMEOUT_SECONDS
    unhealthy.run()
    assert unhealthy.skipped
    unhealthy.clock.now = INTERVAL_SECONDS
    assert unhealthy.run() == []
    assert unhealthy.healed


@pytest.mark.parametrize("error", [NO_WAY, ReadTimeoutError(endpoint_url="https://x.example")])
def test_a_run_whose_lease_was_not_confirmed_at_first_has_it(
    unhealthy: Watchdog, error: Exception
) -> None:
    unhealthy.dynamodb.script("update_item", Lost(error), None, Lost(error))
    assert unhealthy.run() == []
    assert unhealthy.healed
    assert unhealthy.lines("This run changes nothing") == []
    (lease,) = unhealthy.dynamodb.items.values()
    assert lease["lease_until"] == {"N": "0"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NO_WAY, "EndpointConnectionError"),
        (client_error("AccessDeniedException"), "AccessDeniedException"),
        (client_error("InternalServerError", 500), "InternalServerError"),
    ],
)
def test_without_dynamodb_a_run_reports_but_changes_nothing(
    unhealthy: Watchdog, error: Exception, code: str
) -> None:
    unhealthy.dynamodb.always("update_item", error)
    assert unhealthy.run() != []
    assert unhealthy.healthy == [0]
    assert unhealthy.healed == []
    assert unhealthy.backfills == 0
    (line,) = unhealthy.lines("This run changes nothing")
    assert line["level"] == "WARNING"
    assert f"DynamoDB did not give this run the lease ({code})" in line["reason"]
    (line,) = unhealthy.lines("Lease not given back")
    assert line["level"] == "INFO"
    assert unhealthy.clock.now < TIMEOUT_SECONDS
