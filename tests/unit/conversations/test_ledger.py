"""Only one invocation at a time holds an end, and the ledger keeps the marked destinations."""

import itertools
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.claim import (
    AlreadyDone,
    Claim,
    ClaimLost,
    ClaimResult,
    HeldByOther,
    Marked,
)
from conversations.failures import Failed, OutOfTime
from conversations.ledger_store import EndKey
from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Clock
from tests.fakes.invocations import ENDED_MS, LEASE_MS, Invocations, end_at

WRITE, READ = "batch_execute_statement", "batch_get_item"
NOT_CONNECTED = EndpointConnectionError(endpoint_url="(somewhere)")


def test_a_new_end_is_claimed_and_recorded(invocations: Invocations) -> None:
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at())
    assert (claim.key, claim.delivered) == (EndKey("c", QUEUE, 1), [])
    assert invocations.item() == {
        "conversation_id": {"S": "c"},
        "queue_id": {"S": QUEUE},
        "state": {"S": "claimed"},
        "claimed_by": {"S": claims.holder},
        "lease_until": {"N": str(ENDED_MS + LEASE_MS)},
        "ended_at": {"N": str(ENDED_MS)},
        "delivered": {"L": []},
        "source": {"S": "subscription"},
        "expires_at": {"N": str(ENDED_MS // 1000 + 20 * 86_400)},
    }


def test_each_invocation_has_a_token_of_its_own(invocations: Invocations) -> None:
    assert len({invocations.open_claims().holder for _ in range(100)}) == 100


def test_each_delivery_is_marked_and_the_last_mark_completes_the_end(
    invocations: Invocations,
) -> None:
    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at())
    assert invocations.mark(claims, claim, "actions") == Marked()
    assert invocations.item()["delivered"] == {"L": [{"S": "actions"}]}
    assert invocations.item()["state"] == {"S": "claimed"}
    assert invocations.mark(claims, claim, "bus", done=True) == Marked()
    assert invocations.item()["delivered"] == {"L": [{"S": "actions"}, {"S": "bus"}]}
    assert invocations.item()["state"] == {"S": "done"}
    assert invocations.claim(invocations.open_claims(), end_at()) == [AlreadyDone()]


def test_an_end_with_a_live_claim_is_held_by_another_invocation(
    invocations: Invocations, clock: Clock
) -> None:
    invocations.claim_one(invocations.open_claims(), end_at())
    for moment in (0.0, 15.0, 31.0):
        clock.now = moment
        assert invocations.claim(invocations.open_claims(), end_at()) == [
            HeldByOther(ENDED_MS + LEASE_MS)
        ]


def test_an_expired_claim_is_taken_over_with_its_delivered_destinations(
    invocations: Invocations, clock: Clock
) -> None:
    first, second = invocations.open_claims(), invocations.open_claims()
    claim = invocations.claim_one(first, end_at())
    invocations.mark(first, claim, "actions")
    clock.now = 31.001
    second = invocations.open_claims()
    assert invocations.claim_one(second, end_at()).delivered == ["actions"]
    assert invocations.item()["claimed_by"] == {"S": second.holder}
    assert invocations.item()["lease_until"] == {"N": str(invocations.now_ms() + LEASE_MS)}
    assert invocations.item()["ended_at"] == {"N": str(ENDED_MS)}


def test_a_released_end_can_be_claimed_at_once(invocations: Invocations) -> None:
    first = invocations.open_claims()
    claim = invocations.claim_one(first, end_at())
    # There is no mark for this destination, so the release must record it.
    claim.delivered.append("actions")
    invocations.release(first, claim)
    assert invocations.claim_one(invocations.open_claims(), end_at()).delivered == ["actions"]


def test_a_holder_that_lost_its_claim_writes_nothing(
    invocations: Invocations, clock: Clock
) -> None:
    former = invocations.open_claims()
    claim = invocations.claim_one(former, end_at())
    clock.now = 40
    invocations.claim_one(invocations.open_claims(), end_at())
    before = dict(invocations.item())
    assert invocations.mark(former, claim, "actions") == ClaimLost()
    assert invocations.mark(former, claim, "bus", done=True) == ClaimLost()
    invocations.release(former, claim)
    assert invocations.item() == before


def test_marks_have_a_result_for_each_claim(invocations: Invocations, clock: Clock) -> None:
    former = invocations.open_claims()
    mine, lost = (invocations.claim_one(former, end_at(0, name)) for name in ("mine", "lost"))
    clock.now = 40
    invocations.claim_one(invocations.open_claims(), end_at(0, "lost"))
    assert former.mark([mine, lost], [True, True], clock.deadline(1)) == [Marked(), ClaimLost()]


def test_only_one_of_two_takeovers_of_a_claim_succeeds(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    first = invocations.open_claims()
    invocations.release(first, invocations.claim_one(first, end_at()))
    faster = invocations.open_claims()
    between: list[ClaimResult] = []
    # The first write is a new claim, which fails. The second one is the takeover.
    dynamodb.script(WRITE, None, lambda: between.extend(invocations.claim(faster, end_at())))
    (slower,) = invocations.claim(invocations.open_claims(), end_at())
    assert [type(result) for result in between] == [Claim]
    assert isinstance(slower, HeldByOther)
    assert invocations.item()["claimed_by"] == {"S": faster.holder}


def test_an_end_completed_during_a_takeover_is_done(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    first = invocations.open_claims()
    claim = invocations.claim_one(first, end_at())
    clock.now = 40
    dynamodb.script(WRITE, None, lambda: invocations.mark(first, claim, "bus", done=True) and None)
    assert invocations.claim(invocations.open_claims(), end_at()) == [AlreadyDone()]


def test_a_takeover_reads_deliveries_marked_just_before_it(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    first = invocations.open_claims()
    claim = invocations.claim_one(first, end_at())
    clock.now = 40
    dynamodb.script(WRITE, None, lambda: invocations.mark(first, claim, "actions") and None)
    assert invocations.claim_one(invocations.open_claims(), end_at()).delivered == ["actions"]


@pytest.mark.parametrize("lost", [*itertools.product([False, True], repeat=3)])
def test_a_lost_response_loses_no_claim(
    invocations: Invocations, dynamodb: FakeDynamoDb, lost: tuple[bool, bool, bool]
) -> None:
    def fault(nth: int) -> Lost | None:
        return Lost(NOT_CONNECTED) if lost[nth] else None

    first, second = invocations.open_claims(), invocations.open_claims()
    dynamodb.script(WRITE, fault(0))
    claim = invocations.claim_one(first, end_at())
    invocations.mark(first, claim, "actions")
    invocations.release(first, claim)
    dynamodb.script(WRITE, None, fault(1))
    claim = invocations.claim_one(second, end_at())
    assert claim.delivered == ["actions"]
    dynamodb.script(WRITE, fault(2))
    assert invocations.mark(second, claim, "bus", done=True) == Marked()
    assert invocations.item()["state"] == {"S": "done"}


@pytest.mark.parametrize("done", [False, True])
def test_a_late_mark_fails_its_condition(
    invocations: Invocations, dynamodb: FakeDynamoDb, done: bool
) -> None:
    late: list[Any] = []

    def delay() -> BaseException:
        late.extend(dynamodb.calls[-1].entries)
        return NOT_CONNECTED

    claims = invocations.open_claims()
    claim = invocations.claim_one(claims, end_at())
    dynamodb.script(WRITE, delay)
    assert invocations.mark(claims, claim, "actions") == Marked()
    assert invocations.mark(claims, claim, "bus", done=done) == Marked()
    before = dict(invocations.item())
    (response,) = dynamodb.batch_execute_statement(Statements=late)["Responses"]
    assert response["Error"]["Code"] == "ConditionalCheckFailed"
    assert invocations.item() == before


def test_an_end_that_the_ledger_fails_to_claim_has_the_reason(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    dynamodb.always(WRITE, client_error("ThrottlingException"))
    assert invocations.claim(invocations.open_claims(), end_at()) == [Failed("ThrottlingException")]
    dynamodb.no_more_faults()
    invocations.claim_one(invocations.open_claims(), end_at())
    dynamodb.always(READ, client_error("ThrottlingException"))
    (result,) = invocations.claim(invocations.open_claims(), end_at())
    assert result == Failed("ThrottlingException")
    assert invocations.open_claims().claim([end_at()], clock.deadline(0)) == [OutOfTime()]


def test_an_end_that_cannot_be_claimed_does_not_affect_others(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    ends = [end_at(0, f"c-{n}") for n in range(30)]
    dynamodb.script(WRITE, *[[0]] * 1000)
    results = invocations.claim(invocations.open_claims(), *ends)
    assert results[0] == Failed("ThrottlingError")
    assert [type(result) for result in results[1:25]] == [Claim] * 24


def test_a_hundred_new_ends_are_claimed_in_four_calls(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    ends = [end_at(0, f"c-{n}") for n in range(100)]
    assert {type(result) for result in invocations.claim(invocations.open_claims(), *ends)} == {
        Claim
    }
    assert [call.operation for call in dynamodb.calls] == [WRITE] * 4


class ExpectedEnds:
    """The ends that the contract makes of events.

    Attributes
    ----------
    minutes
        For each end, the times of its events in the order in which they came.
    """

    def __init__(self) -> None:
        self.minutes: list[list[float]] = []

    def add(self, minutes: float | None) -> int:
        """Add an event, and return the sequence of its end."""
        if minutes is None:
            if not self.minutes:
                self.minutes.append([SENT_MINUTES])
            return 1
        for sequence, (first, *_) in enumerate(self.minutes, 1):
            if first == minutes:
                return sequence
        distances = [
            round(max(min(known) - minutes, minutes - max(known), 0), 3) for known in self.minutes
        ]
        if distances and min(distances) <= 5:
            nearest = distances.index(min(distances))
            self.minutes[nearest].append(minutes)
            return nearest + 1
        self.minutes.append([minutes])
        return len(self.minutes)

    def check_item(self, invocations: Invocations, sequence: int) -> None:
        """Check that an end's item has recorded the times of the end's events."""
        known, item = self.minutes[sequence - 1], invocations.item(sequence)
        expected = [ENDED_MS + round(at * 60_000) for at in (known[0], min(known), max(known))]
        names = ("ended_at", "earliest_at", "latest_at")
        assert [int(item.get(name, item["ended_at"])["N"]) for name in names] == expected


# An end without a time that comes first gets its message's sent time, an hour after `ENDED`.
SENT_MINUTES = 60.0
minutes_or_none = st.lists(
    st.none()
    | st.sampled_from([0, 3, 5, 5.001, 8, 10, 10.002, 13, 15, -5, -5.001, 58, 60, 65, 66, 200]),
    max_size=8,
)


@settings(max_examples=150)
@given(minutes_or_none, st.lists(st.booleans(), min_size=8, max_size=8))
def test_ends_in_turn_have_the_sequences_of_the_contract(
    minutes_of_ends: list[float | None], completed: list[bool]
) -> None:
    dynamodb = FakeDynamoDb()
    invocations = Invocations(dynamodb, Clock())
    expected = ExpectedEnds()
    done: set[int] = set()
    for minutes, complete in zip(minutes_of_ends, completed, strict=False):
        sequence = expected.add(minutes)
        claims = invocations.open_claims()
        (result,) = invocations.claim(claims, end_at(minutes))
        if sequence in done:
            assert result == AlreadyDone()
            expected.check_item(invocations, sequence)
            continue
        assert isinstance(result, Claim)
        assert result.key.sequence == sequence
        assert result.ended_at == ENDED_MS + round(expected.minutes[sequence - 1][0] * 60_000)
        if complete:
            invocations.mark(claims, result, "bus", done=True)
            done.add(sequence)
        else:
            invocations.release(claims, result)
        expected.check_item(invocations, sequence)
    assert len(dynamodb.items) == len(expected.minutes)
    assert dynamodb.refused == []


@settings(max_examples=100)
@given(minutes_or_none, st.booleans())
def test_ends_of_one_batch_have_the_sequences_of_the_contract(
    minutes_of_ends: list[float | None], other_first: bool
) -> None:
    """Ends are claimed in the order of their times; ends without a time are claimed last."""
    dynamodb = FakeDynamoDb()
    invocations = Invocations(dynamodb, Clock())
    expected = ExpectedEnds()
    if other_first:
        first = invocations.open_claims()
        invocations.mark(first, invocations.claim_one(first, end_at(5)), "bus", done=True)
        expected.add(5)
    claims = invocations.open_claims()
    results = invocations.claim(claims, *map(end_at, minutes_of_ends))
    own_times = sorted(minutes for minutes in minutes_of_ends if minutes is not None)
    sequences: dict[float | None, int] = {minutes: expected.add(minutes) for minutes in own_times}
    sequences[None] = expected.add(None) if None in minutes_of_ends else 1
    claims_by_sequence: dict[int, Any] = {}
    for minutes, result in zip(minutes_of_ends, results, strict=True):
        if other_first and sequences[minutes] == 1:
            assert result == AlreadyDone()
            continue
        assert isinstance(result, Claim)
        assert result.key.sequence == sequences[minutes]
        # Ends with the same sequence share one claim, so there is one delivery.
        assert claims_by_sequence.setdefault(result.key.sequence, result) is result
    for claim in claims_by_sequence.values():
        invocations.mark(claims, claim, "bus", done=True)
    for sequence in range(1, len(expected.minutes) + 1):
        expected.check_item(invocations, sequence)
    assert dynamodb.refused == []


def test_a_second_end_has_an_item_of_its_own(invocations: Invocations) -> None:
    first, second = invocations.open_claims(), invocations.open_claims()
    claim = invocations.claim_one(first, end_at(0))
    other = invocations.claim_one(second, end_at(10))
    assert other.key.sequence == 2
    invocations.mark(second, other, "bus", done=True)
    assert invocations.item(1)["state"] == {"S": "claimed"}
    assert isinstance(invocations.claim(invocations.open_claims(), end_at(0))[0], HeldByOther)
    assert invocations.claim(invocations.open_claims(), end_at(10)) == [AlreadyDone()]
    assert invocations.mark(first, claim, "bus", done=True) == Marked()


def test_only_one_of_two_claims_of_a_free_sequence_succeeds(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    first = invocations.open_claims()
    invocations.mark(first, invocations.claim_one(first, end_at(0)), "bus", done=True)
    dynamodb.script(
        WRITE, None, lambda: invocations.claim(invocations.open_claims(), end_at(30)) and None
    )
    assert invocations.claim_one(invocations.open_claims(), end_at(60)).key.sequence == 3
    assert invocations.item(2)["ended_at"] == {"N": str(ENDED_MS + 1_800_000)}


def test_a_conversation_can_be_reopened_many_times(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    ends = [end_at(10 * n) for n in range(60)]
    results = invocations.claim(invocations.open_claims(), *ends[:50])
    assert [result.key.sequence for result in results if isinstance(result, Claim)] == [
        *range(1, 51)
    ]
    dynamodb.calls.clear()
    assert invocations.claim_one(invocations.open_claims(), ends[59]).key.sequence == 51
    assert len(dynamodb.calls) < 51 / 2


def test_earlier_ends_are_kept_as_long_as_later_ones(
    invocations: Invocations, clock: Clock
) -> None:
    """Otherwise a later end could get the sequence of an item that has expired."""
    first = invocations.open_claims()
    invocations.mark(first, invocations.claim_one(first, end_at(0)), "bus", done=True)
    clock.now = 86_400
    invocations.claim_one(invocations.open_claims(), end_at(1440))
    kept = [int(invocations.item(sequence)["expires_at"]["N"]) for sequence in (1, 2)]
    assert kept[0] == kept[1] == ENDED_MS // 1000 + 21 * 86_400
