"""A message's outcome, and the report on a batch: its response, log lines and metrics."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from aws_lambda_powertools import Logger

import metrics
from worker.messages import Message

OutcomeKind = Literal["processed", "duplicate", "ignored", "rejected", "failed"]
OUTCOME_KINDS: tuple[OutcomeKind, ...] = ("processed", "duplicate", "ignored", "rejected", "failed")
FailReason = Literal[
    "destination", "ledger", "settling", "dead_letter_queue", "claimed_elsewhere", "no_time"
]
"""The reasons of the outcome `failed`."""


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of one message.

    Attributes
    ----------
    reason
        A fixed word for `ignored`, `rejected` and `failed`; otherwise empty.
    detail
        An explanation for the log: the invalid field and its expected form, or the error. It never
        quotes the message.
    is_crowded_out
        Whether other messages of the batch took the time that this message needed.
    not_before_ms
        The earliest useful time of a retry, in epoch milliseconds; 0 if unknown.
    """

    message: Message
    kind: OutcomeKind
    reason: str = ""
    detail: str = ""
    is_crowded_out: bool = False
    not_before_ms: int = 0


zeros = metrics.Zeros()


@dataclass(slots=True)
class BatchReport:
    """The results of a batch.

    Attributes
    ----------
    outcomes
        One outcome for each message, in the order in which the outcomes were decided.
    latencies_ms
        The latencies of the ends that became done in this batch, in lists keyed by queue id. A
        latency is the time from the conversation's end until the worker has finished with all ends
        of the batch.
    delivery_failures
        The number of attempts that failed or were refused. An attempt sends one end to one
        destination.
    details_missing
        The number of ends that became done in this batch without their details; None if the
        setting `details` is `none`.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    latencies_ms: dict[str, list[int]] = field(default_factory=dict)
    delivery_failures: int = 0
    details_missing: int | None = None

    @property
    def end_count(self) -> int:
        """The number of ends that became done in this batch."""
        return sum(map(len, self.latencies_ms.values()))

    def of_kind(self, kind: OutcomeKind) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind == kind]

    def outcome_counts(self) -> dict[str, int]:
        """Return the number of messages for each outcome, including zeros."""
        counter = Counter(outcome.kind for outcome in self.outcomes)
        return {kind: counter[kind] for kind in OUTCOME_KINDS}

    def reason_counts(self) -> dict[str, int]:
        """Return the number of messages for each outcome and reason, keyed like `ignored.noted`."""
        return dict(Counter(f"{o.kind}.{o.reason}" for o in self.outcomes if o.reason))

    def response(self) -> dict[str, list[dict[str, str]]]:
        """Return the function's response, which asks Lambda to retry the failed messages."""
        # A batch can contain a message twice. The response contains its id once. An empty id would
        # make Lambda repeat the whole batch.
        failed_ids = dict.fromkeys(outcome.message.id for outcome in self.of_kind("failed"))
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed_ids if id_]}

    def write_log(self, logger: Logger) -> None:
        """Write one log line for the batch, and one for each rejected or failed message."""
        for outcome in self.of_kind("rejected") + self.of_kind("failed"):
            logger.warning(
                "Message",
                message_id=outcome.message.id,
                outcome=outcome.kind,
                reason=outcome.reason,
                detail=outcome.detail,
                receives=outcome.message.receive_count,
            )
        found = {**self.outcome_counts(), "ended": self.end_count, "reasons": self.reason_counts()}
        # Zeros are left out, because CloudWatch charges for each byte.
        not_empty = {name: value for name, value in found.items() if value}
        logger.info("Batch", extra={"received": len(self.outcomes), **not_empty})

    def write_metrics(self, stage: str, *, cold_start: bool) -> None:
        """Write a metrics line for each queue in `latencies_ms`; if there is none, one line."""
        counts = {
            "Received": len(self.outcomes),
            **{kind.capitalize(): count for kind, count in self.outcome_counts().items()},
            "DeliveryFailures": self.delivery_failures,
            "BatchSize": len(self.outcomes),  # for the average; `Received` is for the sum
            "ColdStart": int(cold_start),
        }
        if self.details_missing is not None:
            counts["DetailsMissing"] = self.details_missing
        if not self.latencies_ms:
            # In place of the queues' lines, which also count for the stage.
            metrics.emit({"Stage": stage}, zeros.leave_out({**counts, "Ended": 0}))
            return
        stage_counts = zeros.leave_out(counts)
        for queue_id, latencies in self.latencies_ms.items():
            metrics.emit(
                {"Stage": stage, "QueueId": queue_id},
                {"Ended": len(latencies)},
                {"EndToEndLatency": latencies},
                rollup_dimensions=["Stage"],
                rollup_counts=stage_counts,
            )
            stage_counts = {}  # The first queue's line has them.


# A message that reports several ends gets an outcome for each end. The message keeps the outcome
# whose kind comes first in this order. If one end fails, the message therefore comes back; the
# retry skips the ends that are done.
_KINDS_BY_PRIORITY = ("failed", "rejected", "processed", "duplicate", "ignored")


def one_outcome_per_message(end_outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return for each message the outcome that has priority among its ends' outcomes."""
    kept_outcomes: dict[Message, Outcome] = {}
    for outcome in end_outcomes:
        earlier_outcome = kept_outcomes.get(outcome.message, outcome)
        kept_outcomes[outcome.message] = min(earlier_outcome, outcome, key=_priority)
    return list(kept_outcomes.values())


def _priority(outcome: Outcome) -> int:
    """Return the priority of an outcome; 0 is the highest."""
    return _KINDS_BY_PRIORITY.index(outcome.kind)
