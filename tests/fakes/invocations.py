"""Invocations that use the ledger, without messages and destinations."""

from conversations.claim import AlreadyDone, Claim, ClaimResult, Marked, MarkResult
from conversations.ledger import Claims, Ledger
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from dynamodb.ledger_table import LedgerTable
from tests.bodies import ENDED, QUEUE, end
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Item
from tests.fakes.clock import Clock

ENDED_MS = int(ENDED.timestamp() * 1000)
LEASE_MS = 31_000


class Invocations:
    """Claims, marks and releases ends for invocations at the times of a simulated clock."""

    def __init__(self, dynamodb: FakeDynamoDb, clock: Clock) -> None:
        self.dynamodb = dynamodb
        self.clock = clock
        table = LedgerTable(dynamodb, TABLE)  # type: ignore[arg-type]
        self.ledger = Ledger(table, days=20, now_ms=self.now_ms)

    def now_ms(self) -> int:
        return ENDED_MS + round(self.clock.now * 1000)

    def open_claims(self) -> Claims:
        return self.ledger.open_claims(self.now_ms() + LEASE_MS)

    def claim(self, claims: Claims, *ends: Accepted) -> list[ClaimResult]:
        return claims.claim(ends, self.clock.deadline(10))

    def claim_one(self, claims: Claims, accepted: Accepted) -> Claim:
        """Claim an end that can be claimed."""
        (result,) = self.claim(claims, accepted)
        assert isinstance(result, Claim)
        return result

    def mark(self, claims: Claims, claim: Claim, *names: str, done: bool = False) -> MarkResult:
        claim.delivered += names
        (result,) = claims.mark([claim], [done], self.clock.deadline(10))
        return result

    def release(self, claims: Claims, claim: Claim) -> None:
        claims.release([claim], self.clock.deadline(10))

    def finish(self, accepted: Accepted, *names: str) -> Claim | None:
        """Claim an end in an invocation of its own and complete it; None if it is already done."""
        claims = self.open_claims()
        (result,) = self.claim(claims, accepted)
        if isinstance(result, AlreadyDone):
            return None
        assert isinstance(result, Claim)
        assert self.mark(claims, result, *(names or ["bus"]), done=True) == Marked()
        return result

    def item(self, sequence: int = 1) -> Item:
        return self.dynamodb.items["c", QUEUE if sequence == 1 else f"{QUEUE}#{sequence}"]


def end_at(minutes: float | None = 0, conversation_id: str = "c") -> Accepted:
    """Return an end that many minutes after `ENDED`.

    With None, the event has no time, and its message was sent an hour after `ENDED`.
    """
    body = end(conversation_id, after=None if minutes is None else minutes * 60)
    accepted = parse_subscription_event(body, ENDED_MS + 3_600_000, {QUEUE})
    assert isinstance(accepted, Accepted)
    return accepted
