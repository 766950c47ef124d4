"""An end is claimed by one invocation at a time, and what it has been delivered to is kept."""

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
    MarkResult,
)
from conversations.failures import Failed, NoTime
from conversations.ledger import Claims, Ledger
from conversations.ledger_store import EndKey
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from dynamodb.ledger_table import LedgerTable
from tests.bodies import ENDED, QUEUE, end
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Item, Lost, client_error
from tests.fakes.clock import Clock

WRITE, READ = "batch_execute_statement", "batch_get_item"
ENDED_MS = int(ENDED.timestamp() * 1000)
LEASE = 31_000
NO_ANSWER = EndpointConnectionError(endpoint_url="(somewhere)")


class Invocations:
    """Claims of one invocation after the other, by a clock of the test's."""

    def __init__(self, dynamodb: FakeDynamoDb, clock: Clock) -> None:
        self.dynamodb = dynamodb
        self.clock = clock
        table = LedgerTable(dynamodb, TABLE)  # type: ignore[arg-type]
        self.ledger = Ledger(table, days=20, now_ms=self.now_ms)

    def now_ms(self) -> int:
        return ENDED_MS + round(self.clock.now * 1000)

    def new(self) -> Claims:
        return self.ledger.open_claims(self.now_ms() + LEASE)

    def claim(self, claims: Claims, *ends: Accepted) -> list[ClaimResult]:
        return claims.claim(ends, self.clock.deadline(10))

    def claimed(self, claims: Claims, accepted: Accepted) -> Claim:
        """Claim an end that is to be had."""
        (result,) = self.claim(claims, accepted)
        assert isinstance(result, Claim)
        return result

    def mark(self, claims: Claims, claim: Claim, *names: str, done: bool = False) -> MarkResult:
        claim.delivered += names
        (result,) = claims.mark([claim], [done], self.clock.deadline(10))
        return result

    def release(self, claims: Claims, claim: Claim) -> None:
        claims.release([claim], self.clock.deadline(10))

    def item(self, sequence: int = 1) -> Item:
        return self.dynamodb.items["c", QUEUE if sequence == 1 else f"{QUEUE}#{sequence}"]


@pytest.fixture
def invocations(dynamodb: FakeDynamoDb, clock: Clock) -> Invocations:
    return Invocations(dynamodb, clock)


def ended(minutes: float | None = 0, conversation_id: str = "c") -> Accepted:
    """Return an end so many minutes after `ENDED`; None: without a time, sent an hour later."""
    body = end(conversation_id, after=None if minutes is None else minutes * 60)
    accepted = parse_subscription_event(body, ENDED_MS + 3_600_000, {QUEUE})
    assert isinstance(accepted, Accepted)
    return accepted


def test_a_new_end_is_claimed_and_recorded(invocations: Invocations) -> None:
    claims = invocations.new()
    claim = invocations.claimed(claims, ended())
    assert (claim.key, claim.delivered) == (EndKey("c", QUEUE, 1), [])
    assert invocations.item() == {
        "conversation_id": {"S": "c"},
        "queue_id": {"S": QUEUE},
        "state": {"S": "claimed"},
        "claimed_by": {"S": claims.holder},
        "lease_until": {"N": str(ENDED_MS + LEASE)},
        "ended_at": {"N": str(ENDED_MS)},
        "delivered": {"L": []},
        "source": {"S": "subscription"},
        "expires_at": {"N": str(ENDED_MS // 1000 + 20 * 86_400)},
    }


def test_tokens_differ(invocations: Invocations) -> None:
    assert len({invocations.new().holder for _ in range(100)}) == 100


def test_each_delivery_is_marked_and_the_last_mark_completes(invocations: Invocations) -> None:
    claims = invocations.new()
    claim = invocations.claimed(claims, ended())
    assert invocations.mark(claims, claim, "actions") == Marked()
    assert invocations.item()["delivered"] == {"L": [{"S": "actions"}]}
    assert invocations.item()["state"] == {"S": "claimed"}
    assert invocations.mark(claims, claim, "bus", done=True) == Marked()
    assert invocations.item()["delivered"] == {"L": [{"S": "actions"}, {"S": "bus"}]}
    assert invocations.item()["state"] == {"S": "done"}
    assert invocations.claim(invocations.new(), ended()) == [AlreadyDone()]


def test_a_live_claim_of_another_is_no_duplicate(invocations: Invocations, clock: Clock) -> None:
    invocations.claimed(invocations.new(), ended())
    for moment in (0.0, 15.0, 31.0):
        clock.now = moment
        assert invocations.claim(invocations.new(), ended()) == [HeldByOther(ENDED_MS + LEASE)]


def test_a_claim_that_ran_out_is_taken_over_with_what_is_delivered(
    invocations: Invocations, clock: Clock
) -> None:
    first, second = invocations.new(), invocations.new()
    claim = invocations.claimed(first, ended())
    invocations.mark(first, claim, "actions")
    clock.now = 31.001
    second = invocations.new()
    assert invocations.claimed(second, ended()).delivered == ["actions"]
    assert invocations.item()["claimed_by"] == {"S": second.holder}
    assert invocations.item()["lease_until"] == {"N": str(invocations.now_ms() + LEASE)}
    assert invocations.item()["ended_at"] == {"N": str(ENDED_MS)}


def test_a_released_claim_can_be_taken_at_once(invocations: Invocations) -> None:
    first = invocations.new()
    claim = invocations.claimed(first, ended())
    # Whose mark was lost, so that its release has to tell.
    claim.delivered.append("actions")
    invocations.release(first, claim)
    assert invocations.claimed(invocations.new(), ended()).delivered == ["actions"]


def test_a_holder_that_lost_its_claim_writes_nothing(
    invocations: Invocations, clock: Clock
) -> None:
    slow = invocations.new()
    claim = invocations.claimed(slow, ended())
    clock.now = 40
    invocations.claimed(invocations.new(), ended())
    before = dict(invocations.item())
    assert invocations.mark(slow, claim, "actions") == ClaimLost()
    assert invocations.mark(slow, claim, "bus", done=True) == ClaimLost()
    invocations.release(slow, claim)
    assert invocations.item() == before


def test_marks_have_a_result_for_each_claim(invocations: Invocations, clock: Clock) -> None:
    slow = invocations.new()
    mine, lost = (invocations.claimed(slow, ended(0, name)) for name in ("mine", "lost"))
    clock.now = 40
    invocations.claimed(invocations.new(), ended(0, "lost"))
    assert slow.mark([mine, lost], [True, True], clock.deadline(1)) == [Marked(), ClaimLost()]


def test_of_two_takeovers_of_one_claim_one_succeeds(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    first = invocations.new()
    invocations.release(first, invocations.claimed(first, ended()))
    faster = invocations.new()
    between: list[ClaimResult] = []
    # The insert comes first, then the takeover, before which another one is faster.
    dynamodb.script(WRITE, None, lambda: between.extend(invocations.claim(faster, ended())))
    (slower,) = invocations.claim(invocations.new(), ended())
    assert [type(result) for result in between] == [Claim]
    assert isinstance(slower, HeldByOther)
    assert invocations.item()["claimed_by"] == {"S": faster.holder}


def test_a_claim_finished_while_it_is_taken_over_is_done(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    first = invocations.new()
    claim = invocations.claimed(first, ended())
    clock.now = 40
    dynamodb.script(WRITE, None, lambda: invocations.mark(first, claim, "bus", done=True) and None)
    assert invocations.claim(invocations.new(), ended()) == [AlreadyDone()]


def test_a_takeover_knows_what_was_delivered_until_then(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    first = invocations.new()
    claim = invocations.claimed(first, ended())
    clock.now = 40
    dynamodb.script(WRITE, None, lambda: invocations.mark(first, claim, "actions") and None)
    assert invocations.claimed(invocations.new(), ended()).delivered == ["actions"]


@pytest.mark.parametrize("lost", [*itertools.product([False, True], repeat=3)])
def test_a_lost_answer_loses_no_claim(
    invocations: Invocations, dynamodb: FakeDynamoDb, lost: tuple[bool, bool, bool]
) -> None:
    def fault(nth: int) -> Lost | None:
        return Lost(NO_ANSWER) if lost[nth] else None

    first, second = invocations.new(), invocations.new()
    dynamodb.script(WRITE, fault(0))
    claim = invocations.claimed(first, ended())
    invocations.mark(first, claim, "actions")
    invocations.release(first, claim)
    dynamodb.script(WRITE, None, fault(1))
    claim = invocations.claimed(second, ended())
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
        return NO_ANSWER

    claims = invocations.new()
    claim = invocations.claimed(claims, ended())
    dynamodb.script(WRITE, delay)
    assert invocations.mark(claims, claim, "actions") == Marked()
    assert invocations.mark(claims, claim, "bus", done=done) == Marked()
    before = dict(invocations.item())
    (answer,) = dynamodb.batch_execute_statement(Statements=late)["Responses"]
    assert answer["Error"]["Code"] == "ConditionalCheckFailed"
    assert invocations.item() == before


def test_a_claim_that_the_ledger_cannot_decide_is_unclaimed_with_its_reason(
    invocations: Invocations, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    dynamodb.always(WRITE, client_error("ThrottlingException"))
    assert invocations.claim(invocations.new(), ended()) == [Failed("ThrottlingException")]
    dynamodb.no_more_faults()
    invocations.claimed(invocations.new(), ended())
    dynamodb.always(READ, client_error("ThrottlingException"))
    (result,) = invocations.claim(invocations.new(), ended())
    assert result == Failed("Unread")
    assert invocations.new().claim([ended()], clock.deadline(0)) == [NoTime()]


def test_an_end_that_cannot_be_claimed_keeps_no_other_from_being_claimed(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    ends = [ended(0, f"c-{n}") for n in range(30)]
    dynamodb.script(WRITE, *[[0]] * 1000)
    results = invocations.claim(invocations.new(), *ends)
    assert results[0] == Failed("ThrottlingError")
    assert [type(result) for result in results[1:25]] == [Claim] * 24


def test_a_hundred_new_ends_are_claimed_in_four_calls(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    ends = [ended(0, f"c-{n}") for n in range(100)]
    assert {type(s) for s in invocations.claim(invocations.new(), *ends)} == {Claim}
    assert [call.operation for call in dynamodb.calls] == [WRITE] * 4


def sequence_of(recorded: list[float], minutes: float | None) -> int:
    """Return the number of an end by the contract: of what is recorded, else the next one."""
    if minutes is None:
        return 1
    for sequence, other in enumerate(recorded, 1):
        if abs(minutes - other) <= 5:
            return sequence
    return len(recorded) + 1


# Sent an hour after `ENDED`, which stands in for its time where it is the first.
UNDATED = 60.0
moments = st.lists(
    st.none() | st.sampled_from([0, 3, 5, 5.001, 8, 10, 10.002, -5, -5.001, 58, 60, 65, 66, 200]),
    max_size=8,
)


@settings(max_examples=150)
@given(moments, st.lists(st.booleans(), min_size=8, max_size=8))
def test_ends_one_after_the_other_have_the_numbers_of_the_contract(
    minutes_of_ends: list[float | None], completed: list[bool]
) -> None:
    dynamodb = FakeDynamoDb()
    invocations = Invocations(dynamodb, Clock())
    recorded: list[float] = []
    done: set[int] = set()
    for minutes, complete in zip(minutes_of_ends, completed, strict=False):
        sequence = sequence_of(recorded, minutes)
        if sequence > len(recorded):
            recorded.append(UNDATED if minutes is None else minutes)
        claims = invocations.new()
        (result,) = invocations.claim(claims, ended(minutes))
        if sequence in done:
            assert result == AlreadyDone()
            continue
        assert isinstance(result, Claim)
        assert result.key.sequence == sequence
        assert result.ended_at == ENDED_MS + round(recorded[sequence - 1] * 60_000)
        if complete:
            invocations.mark(claims, result, "bus", done=True)
            done.add(sequence)
        else:
            invocations.release(claims, result)
    assert len(dynamodb.items) == len(recorded)
    assert dynamodb.refused == []


@settings(max_examples=100)
@given(moments, st.booleans())
def test_ends_of_one_batch_have_the_numbers_of_the_contract(
    minutes_of_ends: list[float | None], other_first: bool
) -> None:
    """Those without a time count as the last of a batch, as they make no end of their own."""
    dynamodb = FakeDynamoDb()
    invocations = Invocations(dynamodb, Clock())
    recorded: list[float] = []
    if other_first:
        first = invocations.new()
        invocations.mark(first, invocations.claimed(first, ended(5)), "bus", done=True)
        recorded.append(5)
    results = invocations.claim(invocations.new(), *map(ended, minutes_of_ends))
    expected: dict[int, int] = {}
    for position in sorted(
        range(len(minutes_of_ends)), key=lambda position: minutes_of_ends[position] is None
    ):
        minutes = minutes_of_ends[position]
        expected[position] = sequence_of(recorded, minutes)
        if expected[position] > len(recorded):
            recorded.append(UNDATED if minutes is None else minutes)
    found: dict[int, Any] = {}
    for position, result in enumerate(results):
        if other_first and expected[position] == 1:
            assert result == AlreadyDone()
            continue
        assert isinstance(result, Claim)
        assert result.key.sequence == expected[position]
        # One end has one claim, so that it is delivered once.
        assert found.setdefault(result.key.sequence, result) is result
    assert dynamodb.refused == []


def test_a_second_end_has_a_state_of_its_own(invocations: Invocations) -> None:
    first, second = invocations.new(), invocations.new()
    claim = invocations.claimed(first, ended(0))
    other = invocations.claimed(second, ended(10))
    assert other.key.sequence == 2
    invocations.mark(second, other, "bus", done=True)
    assert invocations.item(1)["state"] == {"S": "claimed"}
    assert isinstance(invocations.claim(invocations.new(), ended(0))[0], HeldByOther)
    assert invocations.claim(invocations.new(), ended(10)) == [AlreadyDone()]
    assert invocations.mark(first, claim, "bus", done=True) == Marked()


def test_of_two_claims_of_one_free_number_one_succeeds(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    first = invocations.new()
    invocations.mark(first, invocations.claimed(first, ended(0)), "bus", done=True)
    dynamodb.script(WRITE, None, lambda: invocations.claim(invocations.new(), ended(30)) and None)
    assert invocations.claimed(invocations.new(), ended(60)).key.sequence == 3
    assert invocations.item(2)["ended_at"] == {"N": str(ENDED_MS + 1_800_000)}


def test_a_conversation_can_be_reopened_often(
    invocations: Invocations, dynamodb: FakeDynamoDb
) -> None:
    ends = [ended(10 * n) for n in range(60)]
    results = invocations.claim(invocations.new(), *ends[:50])
    assert [s.key.sequence for s in results if isinstance(s, Claim)] == [*range(1, 51)]
    dynamodb.calls.clear()
    assert invocations.claimed(invocations.new(), ends[59]).key.sequence == 51
    assert len(dynamodb.calls) < 51 / 2


def test_earlier_ends_are_kept_as_long_as_later_ones(
    invocations: Invocations, clock: Clock
) -> None:
    """Else the number of one that was forgotten would be given anew."""
    first = invocations.new()
    invocations.mark(first, invocations.claimed(first, ended(0)), "bus", done=True)
    clock.now = 86_400
    invocations.claimed(invocations.new(), ended(1440))
    kept = [int(invocations.item(sequence)["expires_at"]["N"]) for sequence in (1, 2)]
    assert kept[0] == kept[1] == ENDED_MS // 1000 + 21 * 86_400
