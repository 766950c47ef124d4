"""Each run of the watchdog keeps the metrics of the stack's SQS queues awake."""

import pytest

from local.genesys.problems import problem
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.unit.watchdog.conftest import Watchdog
from watchdog.watch import ComparisonFailed


def test_each_run_reads_each_queue_once(watchdog: Watchdog) -> None:
    watchdog.run()
    assert watchdog.queues.reads == {INTAKE: 1, DEAD: 1}
    watchdog.run()
    assert watchdog.queues.reads == {INTAKE: 2, DEAD: 2}


def test_the_queues_are_read_although_genesys_cloud_is_down(watchdog: Watchdog) -> None:
    watchdog.genesys.outage = problem(503, "down")
    with pytest.raises(ComparisonFailed):
        watchdog.run()
    assert watchdog.queues.reads == {INTAKE: 1, DEAD: 1}


def test_a_queue_that_cannot_be_read_is_logged_at_info_and_changes_nothing(
    watchdog: Watchdog,
) -> None:
    watchdog.queues.failure = "AccessDenied"
    assert watchdog.run() == []
    lines = watchdog.lines("Could not keep metrics awake")
    assert [(line["level"], line["queue"], line["error"]) for line in lines] == [
        ("INFO", INTAKE, "AccessDenied"),
        ("INFO", DEAD, "AccessDenied"),
    ]
    assert watchdog.healthy == [1]
