"""An end's item remembers the span of its events' times, so that the order matters little."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from conversations.claim import AlreadyDone, Claim, ClaimResult, HeldByOther, Marked
from conversations.failures import Failed, OutOfTime
from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import FakeDynamoDb, Item, Lost, client_error
from tests.fakes.clock import Clock
from tests.fakes.interleavings import Stopping, interleavings
from tests.fakes.invocations import ENDED_MS, Invocations, end_at
from tests.fakes.turns import Turns

WRITE, READ = "batch_execute_statement", "batch_get_item"
NOT_CONNECTED = EndpointConnectionError(endpoint_url="(somewhere)")


def minutes_of(item: Item) -> tuple[float, float, float]:
    """Return an item's time and its span in minutes; an item without a span has its one time."""
    names = ("ended_at", "earliest_at", "latest_at")
    first, earliest, latest = (
        (int(item.get(name, item["ended_at"])["N"]) - ENDED_MS) / 60_000 for name in names
    )
    return first, earliest, latest


def written_before(minutes: float, **changes: Any) -> Item:
    """Return an item as the version without spans wrote it."""
    return {
        "conversation_id": {"S": "c"},
        "queue_id": {"S": QUEUE},
        "state": {"S": "done"},
        "claimed_by": {"S": "0123456789abcdef0123456789abcdef"},
        "lease_until": {"N": "0"},
        "ended_at": {"N": str(ENDED_MS + round(minutes * 60_000))},
        "delivered": {"L": [{"S": "bus"}]},
        "source": {"S": "subscription"},
        "expires_at": {"N": str(ENDED_MS // 1000 + 20 * 86_400)},
        **changes,
    }


def operations(dynamodb: FakeDynamoDb) -> list[str]:
    return [call.operation for call in dynamodb.calls]


@pytest.mark.parametrize(
    ("order", "sequences"),
    [
        ((9, 13, 17), [1, 1, 1]),
        ((13, 9, 17), [1, 1, 1]),
        ((13, 17, 9), [1, 1, 1]),
        ((17, 13, 9), [1, 1, 1]),
        # 9 and 17 are already delivered as two ends when 13 arrives. 13 opens no third one.
        ((9, 17, 13), [1, 2, 1]),
        ((17, 9, 13), [1, 2, 1]),
    ],
)
@pytest.mark.parametrize("done", [True, False])
def test_three_times_that_lie_close_are_one_end_unless_the_middle_one_comes_last(
    invocations: Invocations, order: Sequence[float], sequences: list[int], done: bool
) -> None:
    found = []
    for minutes in order:
        claims = invocations.open_claims()
        (result,) = invocations.claim(claims, end_at(minutes))
        if isinstance(result, Claim):
            found.append(result.key.sequence)
            if done:
                invocations.mark(claims, result, "bus", done=True)
            else:
                invocations.release(claims, result)
        else:
            assert result == AlreadyDone()
            found.append(1)
    assert found == sequences
    assert len(invocations.dynamodb.items) == max(sequences)
    spans = [(9, 13), (17, 17)] if order[0] == 9 else [(13, 17), (9, 9)]
    for sequence in range(1, max(sequences) + 1):
        expected = spans[sequence - 1] if max(sequences) == 2 else (9, 17)
        assert minutes_of(invocations.item(sequence))[1:] == expected


@pytest.mark.parametrize("order", [*itertools.permutations([9, 13, 17])])
def test_three_times_that_lie_close_in_one_batch_are_one_end(
    invocations: Invocations, order: Sequence[float]
) -> None:
    claims = invocations.open_claims()
    results = invocations.claim(claims, *map(end_at, order))
    claim = results[0]
    assert isinstance(claim, Claim)
    assert all(result is claim for result in results)
    invocations.mark(claims, claim, "bus", done=True)
    assert minutes_of(invocations.item()) == (9, 9, 17)
    assert len(invocations.dynamodb.items) == 1


def test_a_span_that_has_grown_does_not_absorb_the_event_of_another_unfinished_end(
    invocations: Invocations,
) -> None:
    """Otherwise the end of 17 would be lost, because its only event would be a duplicate."""
    invocations.finish(end_at(9))
    claims = invocations.open_claims()
    invocations.release(claims, invocations.claim_one(claims, end_at(17)))
    assert invocations.finish(end_at(13)) is None
    assert minutes_of(invocations.item(1)) == (9, 9, 13)
    retried = invocations.finish(end_at(17))
    assert retried
    assert retried.key.sequence == 2
    assert minutes_of(invocations.item(2)) == (17, 17, 17)


def test_an_end_belongs_to_the_item_with_its_time_even_if_an_earlier_span_contains_the_time(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    """Spans overlap if an invocation extends one and does not know yet of a new item."""
    dynamodb.items["c", QUEUE] = written_before(
        9, earliest_at={"N": str(ENDED_MS)}, latest_at={"N": str(ENDED_MS + 1_080_000)}
    )
    second = written_before(17, queue_id={"S": f"{QUEUE}#2"}, state={"S": "claimed"})
    dynamodb.items["c", f"{QUEUE}#2"] = second
    claim = invocations.finish(end_at(17))
    assert claim
    assert claim.key.sequence == 2


def test_a_claim_has_a_newer_span_than_its_item(invocations: Invocations) -> None:
    for minutes in (0, 10, 20):
        invocations.finish(end_at(minutes))
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at(30))
    assert invocations.claim_one(claims, end_at(34)) is claim
    # The search reads the earlier items, and the claimed one with them.
    assert invocations.claim_one(claims, end_at(38)) is claim
    assert claim.key.sequence == 4


def test_an_end_goes_to_the_nearest_span_and_between_equally_near_ones_to_the_first(
    invocations: Invocations,
) -> None:
    for minutes in (0.0, 8.0, 30.0, 38.0):
        invocations.finish(end_at(minutes))
    for minutes in (4.001, 34, 36.5, 25, 43):
        assert invocations.finish(end_at(minutes)) is None
    spans = [minutes_of(invocations.item(sequence))[1:] for sequence in range(1, 5)]
    assert spans == [(0, 0), (4.001, 8), (25, 34), (36.5, 43)]
    assert len(invocations.dynamodb.items) == 4


@pytest.mark.parametrize(("minutes", "is_same"), [(14, True), (14.001, False), (-5.001, False)])
def test_a_span_reaches_five_minutes_beyond_its_edges(
    invocations: Invocations, minutes: float, is_same: bool
) -> None:
    invocations.finish(end_at(4.5))
    invocations.finish(end_at(9))
    invocations.finish(end_at(0))
    assert (invocations.finish(end_at(minutes)) is None) == is_same


def test_without_a_longer_span_a_repeat_costs_a_claim_and_a_read(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    invocations.finish(end_at(9))
    invocations.finish(end_at(13))
    for minutes, calls in [(9, [WRITE, READ]), (None, [WRITE, READ]), (11, [WRITE, READ, READ])]:
        before = dict(invocations.item())
        dynamodb.calls.clear()
        assert invocations.finish(end_at(minutes)) is None
        assert operations(dynamodb) == calls
        assert invocations.item() == before


def test_a_longer_span_of_a_done_end_costs_one_write(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    invocations.finish(end_at(9))
    before = dict(invocations.item())
    dynamodb.calls.clear()
    assert invocations.finish(end_at(13)) is None
    assert operations(dynamodb) == [WRITE, READ, READ, WRITE]
    changed = {name for name, value in invocations.item().items() if before.get(name) != value}
    assert changed == {"earliest_at", "latest_at", "lease_until"}


def test_a_longer_span_of_a_further_end_changes_no_other_item(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    invocations.finish(end_at(9))
    invocations.finish(end_at(60))
    clock.now = 3600
    before = dict(invocations.item(1))
    assert invocations.finish(end_at(63)) is None
    assert len(dynamodb.calls[-1].entries) == 1
    assert invocations.item(1) == before


def test_a_takeover_with_a_longer_span_costs_one_more_read_than_the_search(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    claims = invocations.open_claims()
    invocations.release(claims, invocations.claim_one(claims, end_at(9)))
    dynamodb.calls.clear()
    invocations.claim_one(invocations.open_claims(), end_at(13))
    assert operations(dynamodb) == [WRITE, READ, READ, WRITE, READ]
    assert len(dynamodb.calls[-1].entries) == 1


def test_a_longer_span_of_a_claimed_end_costs_no_write_of_its_own(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at(9))
    assert invocations.claim_one(claims, end_at(13)) is claim
    assert dynamodb.count(WRITE) == 1
    invocations.mark(claims, claim, "actions")
    assert minutes_of(invocations.item()) == (9, 9, 13)


def test_an_end_that_reports_one_time_has_no_span(invocations: Invocations) -> None:
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at(9))
    for minutes in (9, None):
        invocations.claim(claims, end_at(minutes))
    invocations.mark(claims, claim, "bus", done=True)
    assert not {"earliest_at", "latest_at"} & set(invocations.item())


def test_an_end_without_a_time_extends_no_span(invocations: Invocations) -> None:
    """Its message was sent an hour after `ENDED`, which says nothing about the end's time."""
    invocations.finish(end_at(56))
    assert invocations.finish(end_at(None)) is None
    assert minutes_of(invocations.item()) == (56, 56, 56)


def test_a_mark_makes_up_for_the_failure_of_the_mark_before(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at(9))
    invocations.claim(claims, end_at(13))
    dynamodb.script(WRITE, client_error("AccessDeniedException"))
    assert invocations.mark(claims, claim, "actions") == Failed("AccessDeniedException")
    invocations.mark(claims, claim, "bus", done=True)
    assert minutes_of(invocations.item()) == (9, 9, 13)


def test_a_release_records_the_span_and_a_takeover_keeps_it(
    invocations: Invocations, clock: Clock
) -> None:
    first, second = invocations.open_claims(), invocations.open_claims()
    claim = invocations.claim_one(first, end_at(9))
    invocations.claim(first, end_at(13))
    invocations.release(first, claim)
    taken_over = invocations.claim_one(second, end_at(17))
    assert (taken_over.key, taken_over.ended_at) == (claim.key, claim.ended_at)
    clock.now = 40  # the second invocation was killed, and its span was lost with it
    assert invocations.finish(end_at(9)) is not None
    assert minutes_of(invocations.item()) == (9, 9, 13)
    assert invocations.finish(end_at(17)) is None
    assert minutes_of(invocations.item()) == (9, 9, 17)


def test_an_end_that_another_invocation_holds_gets_no_longer_span(
    invocations: Invocations,
) -> None:
    invocations.claim_one(invocations.open_claims(), end_at(9))
    before = dict(invocations.item())
    (result,) = invocations.claim(invocations.open_claims(), end_at(13))
    assert isinstance(result, HeldByOther)
    assert invocations.item() == before
    assert len(invocations.dynamodb.items) == 1


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        ([0], Failed("ThrottlingError")),
        (client_error("ThrottlingException"), Failed("ThrottlingException")),
        (client_error("AccessDeniedException"), Failed("AccessDeniedException")),
    ],
)
def test_an_end_whose_longer_span_cannot_be_written_fails(
    invocations: Invocations, dynamodb: FakeDynamoDb, fault: Any, result: Failed
) -> None:
    """Its message comes back. If it were deleted, a later event could open another end."""
    invocations.finish(end_at(9))
    dynamodb.script(WRITE, None)
    dynamodb.always(WRITE, fault)
    assert invocations.claim(invocations.open_claims(), end_at(13)) == [result]
    assert minutes_of(invocations.item()) == (9, 9, 9)
    dynamodb.no_more_faults()
    assert invocations.finish(end_at(13)) is None
    assert minutes_of(invocations.item()) == (9, 9, 13)


def test_an_end_fails_if_no_time_is_left_to_write_its_longer_span(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    invocations.finish(end_at(9))
    dynamodb.script(READ, None, lambda: clock.sleep(60))
    assert invocations.claim(invocations.open_claims(), end_at(13)) == [OutOfTime()]
    assert minutes_of(invocations.item()) == (9, 9, 9)


def test_a_longer_span_whose_response_was_lost_is_recorded(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    invocations.finish(end_at(9))
    dynamodb.script(WRITE, None, Lost(NOT_CONNECTED))
    assert invocations.finish(end_at(13)) is None
    assert minutes_of(invocations.item()) == (9, 9, 13)


def test_the_last_mark_of_the_holder_does_not_undo_a_longer_span_if_it_arrives_late(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at(9))
    invocations.claim(claims, end_at(13))
    assert invocations.mark(claims, claim, "bus", done=True) == Marked()
    late = dynamodb.calls[-1].entries
    assert invocations.finish(end_at(17)) is None
    (response,) = dynamodb.batch_execute_statement(Statements=late)["Responses"]
    assert response["Error"]["Code"] == "ConditionalCheckFailed"
    assert minutes_of(invocations.item()) == (9, 9, 17)


@pytest.mark.parametrize(
    ("between", "span"), [(6, (6, 13)), (13, (9, 13)), (14, (9, 14)), (11, (9, 13))]
)
def test_a_span_that_another_invocation_extends_meanwhile_is_read_again(
    invocations: Invocations, dynamodb: FakeDynamoDb, between: float, span: tuple[float, float]
) -> None:
    invocations.finish(end_at(9))
    done: list[Claim | None] = []
    dynamodb.script(WRITE, None, lambda: done.append(invocations.finish(end_at(between))))
    assert invocations.finish(end_at(13)) is None
    assert done == [None]
    assert minutes_of(invocations.item()) == (9, *span)


def test_an_end_is_not_a_duplicate_of_an_item_that_was_deleted_meanwhile(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    invocations.finish(end_at(9))
    dynamodb.script(WRITE, None, dynamodb.items.clear)
    assert invocations.finish(end_at(13)) is not None
    assert minutes_of(invocations.item()) == (13, 13, 13)


@pytest.mark.parametrize(
    ("minutes", "is_same"), [(9, True), (None, True), (14, True), (4, True), (14.001, False)]
)
def test_a_done_item_of_the_version_before_has_the_span_of_its_one_time(
    invocations: Invocations, dynamodb: FakeDynamoDb, minutes: float | None, is_same: bool
) -> None:
    dynamodb.items["c", QUEUE] = written_before(9)
    assert (invocations.finish(end_at(minutes)) is None) == is_same
    if is_same and minutes is not None:
        assert minutes_of(invocations.item()) == (9, min(9, minutes), max(9, minutes))


def test_an_unfinished_item_of_the_version_before_is_taken_over(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.items["c", QUEUE] = written_before(9, state={"S": "claimed"})
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at(13))
    assert (claim.ended_at, claim.delivered) == (ENDED_MS + 540_000, ["bus"])
    invocations.mark(claims, claim, "actions", done=True)
    assert minutes_of(invocations.item()) == (9, 9, 13)
    assert invocations.finish(end_at(17)) is None


def test_a_further_item_of_the_version_before_keeps_its_sequence(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    dynamodb.items["c", QUEUE] = written_before(9)
    second = written_before(17, queue_id={"S": f"{QUEUE}#2"}, state={"S": "claimed"})
    dynamodb.items["c", f"{QUEUE}#2"] = second
    assert invocations.finish(end_at(13)) is None
    claim = invocations.finish(end_at(17))
    assert claim
    assert claim.key.sequence == 2


@pytest.mark.parametrize(
    ("first_done", "pair"),
    [
        *[(None, pair) for pair in [(9, 13), (13, 9), (9, 17), (9, 9), (9, None), (None, 13)]],
        *[(9, pair) for pair in [(13, 17), (13, 5), (13, 13), (17, 18), (17, 13), (17, 22)]],
    ],
)
def test_in_every_interleaving_two_invocations_complete_each_end_once(
    first_done: float | None, pair: tuple[float | None, float | None]
) -> None:
    """If one invocation finds that the other holds its end, it tries again after the other."""
    completed: list[Claim] = []
    worlds: list[FakeDynamoDb] = []

    def attempt(invocations: Invocations, minutes: float | None) -> ClaimResult:
        claims = invocations.open_claims()
        (result,) = invocations.claim(claims, end_at(minutes))
        if isinstance(result, Claim):
            assert invocations.mark(claims, result, "bus", done=True) == Marked()
            completed.append(result)
        return result

    def begin() -> list[Turns]:
        dynamodb, clock = FakeDynamoDb(), Clock()
        worlds.append(dynamodb)
        completed.clear()
        if first_done is not None:
            Invocations(dynamodb, clock).finish(end_at(first_done))
        turns: list[Turns] = []

        def work(number: int, minutes: float | None) -> ClaimResult:
            client: Any = Stopping(dynamodb, turns, number)
            return attempt(Invocations(client, clock), minutes)

        turns += [
            Turns(functools.partial(work, number, minutes)) for number, minutes in enumerate(pair)
        ]
        return turns

    for results in interleavings(begin):
        items = worlds[-1].items
        for minutes, result in zip(pair, results, strict=True):
            if isinstance(result, HeldByOther):
                assert attempt(Invocations(worlds[-1], Clock()), minutes) == AlreadyDone()
            else:
                assert isinstance(result, Claim | AlreadyDone)
        assert all(item["state"] == {"S": "done"} for item in items.values())
        # Nobody else completes an end, so there is one claim for each item.
        keys = {claim.key for claim in completed}
        assert len(keys) == len(completed) == len(items) - (first_done is not None)
        for minutes in pair:
            if minutes is not None:
                spans = [minutes_of(item)[1:] for item in items.values()]
                assert any(earliest <= minutes <= latest for earliest, latest in spans)
        assert worlds[-1].mistakes() == []
    assert len(worlds) >= 6
