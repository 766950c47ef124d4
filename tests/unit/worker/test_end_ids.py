"""An end has one id, at every delivery, and no other end ever has the same id."""

import re
from collections.abc import Sequence

import pytest

from conversations.end import ConversationEnd
from tests.bodies import QUEUE, end
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs_event import SENT_AT, record, records
from tests.fakes.batches import SECOND_QUEUE, Batches, outcomes_of
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination

DAY = 86_400


def ids(ends: Sequence[ConversationEnd]) -> list[str]:
    return [end.end_id for end in ends]


def test_an_id_is_short_and_printable(batches: Batches) -> None:
    batches.run(records(end("c:/1"), end("é😀")))
    assert all(re.fullmatch(r"[0-9a-f]{32}", end_id) for end_id in ids(batches.acted_ends))


def test_different_ends_have_different_ids(batches: Batches) -> None:
    bodies = [end("c"), end("d"), end("c", queue_id=SECOND_QUEUE), end("c", after=600)]
    batches.run(records(*bodies))
    assert len(set(ids(batches.acted_ends))) == len(bodies)


def test_fifty_repeats_of_one_event_have_one_id(batches: Batches) -> None:
    """The first two of five batches fail, so the end is attempted three times."""
    for batch in range(5):
        batches.action_effects = {"c": ValueError()} if batch < 2 else {}
        batches.run([record(end("c"), f"m-{batch}-{n}") for n in range(10)])
    assert len(batches.acted_ends) == 3
    assert len(set(ids(batches.acted_ends))) == 1


@pytest.mark.parametrize("attempts", [2, 50])
def test_every_attempt_at_an_end_has_the_same_id_and_time(
    batches: Batches, clock: Clock, attempts: int
) -> None:
    """The events of the end take turns, and each attempt takes over the claim of the one before."""
    batches.action_effects = {"c": ValueError()}
    for attempt in range(attempts):
        after = (0, 120, -60, None)[attempt % 4]
        sent_at = SENT_AT + attempt * 1000
        report = batches.run([record(end("c", after=after), f"m-{attempt}", sent_at=sent_at)])
        assert set(outcomes_of(report).values()) == {"failed.destination"}
        clock.now += 40
    acted = batches.acted_ends
    assert len(acted) == attempts
    assert len(set(ids(acted))) == 1
    assert {acted_end.ended_at for acted_end in acted} == {"2026-11-23T10:00:00.000Z"}


def test_every_destination_gets_the_same_id_and_time(batches: Batches) -> None:
    first, second = FakeDestination("bus"), FakeDestination("webhook")
    batches.destinations = [first, second]
    second.results["c"] = "failed"
    batches.run(records(end("c")))
    second.results.clear()
    batches.run(records(end("c", after=240)))
    assert [*first.ends] == [*second.ends]
    assert first.ends[0][1] == "2026-11-23T10:00:00.000Z"


def test_a_second_end_has_another_id_after_the_ledger_has_forgotten_the_first(
    batches: Batches, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    """The sequence begins again, so a receiver must not use it as a key."""
    batches.run(records(end("c")))
    clock.now += 60 * DAY
    _delete_expired_items(dynamodb, batches.now_ms())
    assert dynamodb.items == {}
    batches.run(records(end("c", after=60 * DAY)))
    first, second = batches.acted_ends
    assert (first.sequence, second.sequence) == (1, 1)
    assert first.end_id != second.end_id


def test_a_repeat_has_the_same_id_after_the_ledger_has_forgotten_the_end(
    batches: Batches, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    """The end is delivered again, but a receiver that keeps ids still recognizes it."""
    batches.run(records(end("c")))
    clock.now += 60 * DAY
    _delete_expired_items(dynamodb, batches.now_ms())
    batches.run(records(end("c")))
    first, second = batches.acted_ends
    assert first.end_id == second.end_id


def test_an_end_that_the_version_before_claimed_has_the_id_of_its_recorded_time(
    batches: Batches, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    batches.run(records(end("other")))
    dynamodb.items["c", QUEUE] = {
        **dynamodb.items["other", QUEUE],
        "conversation_id": {"S": "c"},
        "state": {"S": "claimed"},
        "delivered": {"L": []},
    }
    batches.run(records(end("c", after=200)))
    dynamodb.items.clear()
    batches.run(records(end("c")))
    _, taken_over, new = batches.acted_ends
    assert (taken_over.end_id, taken_over.ended_at) == (new.end_id, new.ended_at)


def _delete_expired_items(dynamodb: FakeDynamoDb, now_ms: int) -> None:
    """Delete items as DynamoDB does with Time to Live."""
    for key, item in [*dynamodb.items.items()]:
        if int(item["expires_at"]["N"]) < now_ms // 1000:
            del dynamodb.items[key]
