"""A conversation that ends hundreds of times: its history stays small, and its ends are right."""

import pytest

from conversations.history import CustomerEnd, History, QueueEvent
from dynamodb.history_items import history_values
from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import size_of
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.partner_worker import PartnerWorker
from tests.partner_events import ENDED_MS, event

KEY = ("c-1", "#join")
HOUR = 3600
MAX_ENDS = 20


@pytest.fixture(autouse=True)
def max_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let histories keep few ends, so that a test has to send few."""
    monkeypatch.setattr("conversations.history.MAX_CUSTOMER_ENDS", MAX_ENDS)


def reopened(number: int) -> tuple[str, str]:
    """Return the events of a conversation's end, `number` hours after its first."""
    after = number * HOUR
    return event("acd.start", QUEUE, after=after - 60), event("customer.end", after=after)


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_each_of_many_ends_of_a_conversation_is_delivered_once(rule: str) -> None:
    worker = PartnerWorker(rule)
    numbers = range(MAX_ENDS + 10)
    for number in numbers:
        worker.process(*reopened(number))
        worker.settle()
    for number in numbers:  # repeats of forgotten and of known ends
        worker.process(*reopened(number))
        worker.settle()

    expected = [("c-1", QUEUE, ENDED_MS + number * HOUR * 1000) for number in numbers]
    assert worker.delivered_ends() == expected
    assert len(worker.dynamodb.items[KEY]["ends"]["M"]) == MAX_ENDS
    assert worker.dynamodb.mistakes() == []


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_a_late_event_of_a_forgotten_end_ends_nothing(rule: str) -> None:
    worker = PartnerWorker(rule)
    for number in range(MAX_ENDS + 5):
        worker.process(*reopened(number))
        worker.settle()
    ends = worker.delivered_ends()

    late = event("user.end", SECOND_QUEUE, after=HOUR - 30, interactingDurationMs=20_000)
    assert worker.process(late) == ["ignored.noted"]
    worker.process(event("customer.end", after=5 * HOUR))  # repeats the first end that is known
    worker.settle()

    assert worker.delivered_ends() == ends


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_a_late_event_of_an_end_that_is_known_completes_it(rule: str) -> None:
    worker = PartnerWorker(rule)
    worker.process(*(event("customer.end", after=n * HOUR) for n in range(MAX_ENDS + 5)))

    worker.process(event("acd.start", QUEUE, after=15 * HOUR - 60))
    worker.settle()

    assert worker.delivered_ends() == [("c-1", QUEUE, ENDED_MS + 15 * HOUR * 1000)]


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_the_history_of_the_version_before_with_1500_ends_goes_on(rule: str) -> None:
    worker = PartnerWorker(rule)
    hour_ms = HOUR * 1000
    end = CustomerEnd(True, "VOICE", "INBOUND", "ENDPOINT", QUEUE, 2_000_000_000)
    ends = {ENDED_MS + number * hour_ms: end for number in range(-1500, 0)}
    history = History({QUEUE: (QueueEvent(ENDED_MS - 1500 * hour_ms, "acd.start"),)}, ends)
    key = {"conversation_id": {"S": KEY[0]}, "queue_id": {"S": KEY[1]}}
    worker.dynamodb.items[KEY] = key | history_values(history, 1500, 2_000_000_000)

    worker.process(*reopened(0))
    worker.settle()

    assert worker.delivered_ends() == [("c-1", QUEUE, ENDED_MS)]
    assert size_of(worker.dynamodb.items[KEY]) < 10_000
    assert worker.dynamodb.mistakes() == []


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_a_flood_of_customer_s_ends_is_one_end(rule: str) -> None:
    worker = PartnerWorker(rule)
    words = dict.fromkeys(("mediaType", "direction", "disconnectType"), "\U0001f600" * 100)
    worker.process(event("acd.start", QUEUE, after=-60))
    flood = [event("customer.end", after=number / 1000, **words) for number in range(90)]
    for start in range(0, len(flood), 30):
        outcomes = worker.process(*flood[start : start + 30])
        assert not any(outcome.startswith("failed") for outcome in outcomes)
    worker.settle()

    # They are all within five minutes, and so the same end.
    assert len(worker.delivered_ends()) == 1
    assert worker.dynamodb.mistakes() == []
