"""What became of each message of a batch, and of the batch as a whole."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from worker.message import Message

Kind = Literal["processed", "duplicate", "ignored", "rejected", "failed"]
KINDS: tuple[Kind, ...] = ("processed", "duplicate", "ignored", "rejected", "failed")
# Why a message failed; it is tried again.
FailReason = Literal["destination", "ledger", "claimed_elsewhere", "no_time"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    Attributes
    ----------
    reason
        A fixed word for `ignored`, `rejected` and `failed`; empty for the others.
    detail
        For the log: what was expected, or which error it was. No content of the message.
    not_before_ms
        When trying again makes sense, in epoch milliseconds; 0 where nothing tells.
    """

    message: Message
    kind: Kind
    reason: str = ""
    detail: str = ""
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """An end that arrived at every destination."""

    queue_id: str
    latency_ms: int


@dataclass(slots=True)
class Report:
    """What became of a batch: one outcome for each of its messages.

    Attributes
    ----------
    ended
        The ends that were completed.
    delivery_failures
        How many deliveries did not succeed: of one end to one destination each.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    delivery_failures: int = 0

    def of_kind(self, kind: Kind) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind == kind]

    def counts(self) -> dict[str, int]:
        """Return how many messages had each outcome, zeros included."""
        counted = Counter(outcome.kind for outcome in self.outcomes)
        return {kind: counted[kind] for kind in KINDS}

    def reasons(self) -> dict[str, int]:
        """Return how many messages had each outcome and reason (`ignored.other_queue`)."""
        return dict(Counter(f"{o.kind}.{o.reason}" for o in self.outcomes if o.reason))

    def response(self) -> dict[str, list[dict[str, str]]]:
        """Return what tells Lambda which messages to keep (`ReportBatchItemFailures`)."""
        failed = dict.fromkeys(outcome.message.id for outcome in self.of_kind("failed"))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
