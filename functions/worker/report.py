"""The outcome of each message of a batch, and the report on the batch as a whole."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from aws_lambda_powertools import Logger

import metrics
from worker.messages import Message

Kind = Literal["processed", "duplicate", "ignored", "rejected", "failed"]
KINDS: tuple[Kind, ...] = ("processed", "duplicate", "ignored", "rejected", "failed")
FailReason = Literal["destination", "ledger", "claimed_elsewhere", "no_time"]
"""Why a message failed; it is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one message.

    Attributes
    ----------
    reason
        A fixed word for `ignored`, `rejected` and `failed`; empty for the others.
    detail
        For the log: the field and what was expected there, or the error. No content of the message.
    not_before_ms
        The earliest useful time of a retry, in epoch milliseconds; 0 where none is known.
    """

    message: Message
    kind: Kind
    reason: str = ""
    detail: str = ""
    not_before_ms: int = 0


@dataclass(slots=True)
class BatchReport:
    """The outcomes of a batch's messages, one for each, and its ends.

    Attributes
    ----------
    outcomes
        In the order in which they were decided.
    latencies_ms
        By queue id, the time from the end to its completion of each end that the batch completed,
        in milliseconds.
    delivery_failures
        The number of failed attempts, each of one end at one destination.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    latencies_ms: dict[str, list[int]] = field(default_factory=dict)
    delivery_failures: int = 0

    @property
    def ended(self) -> int:
        """The number of ends that the batch completed."""
        return sum(map(len, self.latencies_ms.values()))

    def of_kind(self, kind: Kind) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind == kind]

    def counts(self) -> dict[str, int]:
        """Return the number of messages by outcome, zeros included."""
        counted = Counter(outcome.kind for outcome in self.outcomes)
        return {kind: counted[kind] for kind in KINDS}

    def reasons(self) -> dict[str, int]:
        """Return the number of messages by outcome and reason (`ignored.other_queue`)."""
        return dict(Counter(f"{o.kind}.{o.reason}" for o in self.outcomes if o.reason))

    def response(self) -> dict[str, list[dict[str, str]]]:
        """Return the function's response: the messages to keep (`ReportBatchItemFailures`)."""
        failed = dict.fromkeys(outcome.message.id for outcome in self.of_kind("failed"))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def write_log(self, logger: Logger) -> None:
        """Write a line for the batch, and one for each message that was rejected or failed."""
        for outcome in self.of_kind("rejected") + self.of_kind("failed"):
            logger.warning(
                "Message",
                message_id=outcome.message.id,
                outcome=outcome.kind,
                reason=outcome.reason,
                detail=outcome.detail,
                receives=outcome.message.receives,
            )
        counts = {"received": len(self.outcomes), **self.counts(), "ended": self.ended}
        logger.info("Batch", extra={**counts, "reasons": self.reasons()})

    def write_metrics(self, stage: str, *, cold_start: bool) -> None:
        """Write a line of metrics for the batch, and one for each of our queues in it.

        A queue's line counts for the stage as well, so that no latency is written twice.
        """
        counts = {
            "Received": len(self.outcomes),
            **{kind.capitalize(): count for kind, count in self.counts().items()},
            "DeliveryFailures": self.delivery_failures,
            "BatchSize": len(self.outcomes),
            "ColdStart": int(cold_start),
        }
        if not self.latencies_ms:
            counts["Ended"] = 0
        metrics.emit({"Stage": stage}, counts)
        for queue_id, latencies in self.latencies_ms.items():
            metrics.emit(
                {"Stage": stage, "QueueId": queue_id},
                {"Ended": len(latencies)},
                {"EndToEndLatency": latencies},
                also_by=["Stage"],
            )


# A message that reports several ends has the first of the kinds that they have: it comes back if
# one of them failed, and those that are done are not repeated.
_MOST_URGENT_FIRST = ("failed", "rejected", "processed", "duplicate")


def one_for_each_message(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the most urgent outcome of each message."""
    chosen: dict[Message, Outcome] = {}
    for outcome in outcomes:
        known = chosen.setdefault(outcome.message, outcome)
        if known is not outcome and _urgency(outcome) < _urgency(known):
            chosen[outcome.message] = outcome
    return list(chosen.values())


def _urgency(outcome: Outcome) -> int:
    return _MOST_URGENT_FIRST.index(outcome.kind)
