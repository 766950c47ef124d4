"""The worker asks the simulated Genesys Cloud for details, over HTTP and in virtual time."""

from collections.abc import Callable, Iterator

import pytest

from deadline import Deadline
from details.lookup import ConversationLookup
from details.request_slots import BURST, SLOT_MS
from dynamodb.request_slots import TableSlots
from genesys.analytics import Analytics
from genesys.client import GenesysClient
from genesys.credentials import Credentials
from local.genesys.analytics import half
from local.genesys.limits import DOWN
from local.genesys.problems import too_many_requests
from local.genesys.stand_in import GenesysCloud
from tests.bodies import end
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.details import DetailsWorker, analytics_conversation, conversation_id
from worker.details_step import DetailsSettings, DetailsStep
from worker.intake_queue import IntakeQueue, logger

COUNT = 8
LAST = conversation_id(COUNT - 1)


@pytest.fixture
def worker(dynamodb: FakeDynamoDb) -> DetailsWorker:
    return DetailsWorker(dynamodb)


@pytest.fixture
def genesys(worker: DetailsWorker) -> Iterator[GenesysCloud]:
    """An org whose analytics the worker asks."""
    with GenesysCloud(clock=worker.clock) as genesys:
        credentials = Credentials(genesys.client_id, genesys.client_secret)

        def make_client(deadline: Deadline) -> GenesysClient:
            return GenesysClient(
                genesys.url, genesys.url, credentials, deadline, worker.clock, retries=False
            )

        slots = TableSlots(
            worker.dynamodb,  # type: ignore[arg-type]
            TABLE,
            slot_ms=SLOT_MS,
            burst=BURST,
            now_ms=worker.batches.now_ms,
        )
        worker.batches.details = DetailsStep(
            ConversationLookup(Analytics(make_client), slots, logger),
            IntakeQueue(worker.queue, INTAKE, DEAD, retry_delay_seconds=30),  # type: ignore[arg-type]
            DetailsSettings(
                wait_seconds=60, max_attempts=3, with_personal_data=False, ends_are_legs=False
            ),
        )
        yield genesys


def publish(worker: DetailsWorker, genesys: GenesysCloud, count: int) -> None:
    """Let conversations end, of which analytics know, too."""
    for number in range(count):
        genesys.analytics.add(analytics_conversation(conversation_id(number)))
        worker.queue.put(end(conversation_id(number)))


def test_a_thousand_ends_at_batch_25_cost_at_most_50_requests(
    worker: DetailsWorker, genesys: GenesysCloud
) -> None:
    genesys.rate_limit = 300
    publish(worker, genesys, 1000)
    worker.run(batch_size=25)
    assert len(worker.arrivals()) == 1000
    assert set(worker.arrivals().values()) == {"complete"}
    assert len(genesys.analytics.asks) <= 50
    assert genesys.operations.count("login") == 1


def be_late(genesys: GenesysCloud) -> None:
    genesys.analytics.lag_seconds = 45


def lack_the_end(genesys: GenesysCloud) -> None:
    genesys.analytics.end_lag_seconds = 100


def lack_the_permission(genesys: GenesysCloud) -> None:
    genesys.analytics.permissions = ()


def limit_for_a_minute(genesys: GenesysCloud) -> None:
    genesys.instead("details", too_many_requests(60))


def be_down(genesys: GenesysCloud) -> None:
    genesys.outage = DOWN


def withhold_the_last(genesys: GenesysCloud) -> None:
    genesys.analytics.withheld = {LAST}


def refuse_the_last(genesys: GenesysCloud) -> None:
    genesys.analytics.withheld = {LAST}
    genesys.analytics.unknown_is_404 = True


def answer_half(genesys: GenesysCloud) -> None:
    genesys.analytics.select = half


def take_few_ids(genesys: GenesysCloud) -> None:
    genesys.analytics.max_ids = 3


@pytest.mark.parametrize(
    ("fault", "missing", "seconds"),
    [
        (be_late, 0, 60),
        (lack_the_end, 0, 120),
        (lack_the_permission, COUNT, 120),
        (limit_for_a_minute, 0, 60),
        (be_down, COUNT, 120),
        (withhold_the_last, 1, 120),
        (refuse_the_last, 1, 120),
        (answer_half, 1, 120),  # of 8 ends, 4, 2 and then 1 have no details yet
        (take_few_ids, 0, 0),
    ],
)
def test_a_fault_of_analytics_delays_details_and_loses_no_end(
    worker: DetailsWorker,
    genesys: GenesysCloud,
    fault: Callable[[GenesysCloud], None],
    missing: int,
    seconds: float,
) -> None:
    fault(genesys)
    publish(worker, genesys, COUNT)
    outcomes = worker.run()
    assert len(worker.arrivals()) == COUNT == outcomes.count("processed")
    assert list(worker.arrivals().values()).count("missing") == missing
    assert set(outcomes) <= {"processed", "ignored.awaiting_details"}
    assert worker.clock.now == pytest.approx(seconds, abs=2)
    assert sum(report.details_missing or 0 for report in worker.reports) == missing


def test_ends_that_arrive_while_requests_pause_wait_without_a_request(
    worker: DetailsWorker, genesys: GenesysCloud
) -> None:
    genesys.instead("details", too_many_requests(50))
    publish(worker, genesys, 30)
    worker.run(until=10)
    assert genesys.operations.count("details") == 1
    worker.run()
    assert set(worker.arrivals().values()) == {"complete"}


def test_after_an_hours_outage_ends_are_complete_again(
    worker: DetailsWorker, genesys: GenesysCloud
) -> None:
    genesys.outage = DOWN
    publish(worker, genesys, COUNT)
    worker.run()
    worker.clock.now = 3600
    genesys.outage = None
    later = conversation_id(99)
    genesys.analytics.add(analytics_conversation(later))
    worker.queue.put(end(later))
    worker.run()
    assert worker.arrivals()[later] == "complete"
    assert list(worker.arrivals().values()).count("missing") == COUNT
