"""The report of a demo run: events sent, messages processed, ends that arrived."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar

from local.demo.details_report import DetailsReport
from local.runs.report import row


@dataclass(slots=True)
class RunReport:
    """The report of a run with subscription events.

    Attributes
    ----------
    published, filtered
        The number of events published in Genesys Cloud, and how many of these a filter dropped.
    repeated
        How many of the published events repeat an earlier one.
    direct_messages
        The number of messages sent directly to the intake queue, without Genesys Cloud.
    expected
        The expected number of messages, keyed by `outcome` or `outcome.reason`. Also the expected
        number of ends (`ended`) and, for partner events, of conversations (`conversations`).
    logged
        The same numbers in the worker's log, and the number of receives (`received`). A message
        that fails is received again, and each receive counts.
    dead_letters
        The number of messages in the dead-letter queue, keyed by reason.
    arrived
        Keyed by destination: the number of arrivals of each `end_id` of the expected ends.
    unexpected
        The number of unexpected ends that arrived, keyed by destination.
    forged
        The number of webhook requests without a valid signature.
    left_in_queue
        The number of messages that are still in the intake queue.
    latencies
        For each end, the seconds from its publication to its arrival at the last destination.
    details
        The details of the ends; None if the setting `details` is `none`.
    """

    filtered_where: ClassVar[str] = "at the source"
    published: int = 0
    filtered: int = 0
    repeated: int = 0
    direct_messages: int = 0
    expected: Counter[str] = field(default_factory=Counter)
    logged: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    arrived: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unexpected: Counter[str] = field(default_factory=Counter)
    forged: int = 0
    left_in_queue: int = 0
    latencies: Sequence[float] = ()
    details: DetailsReport | None = None

    @property
    def delayed(self) -> int:
        """The number of messages that the worker sent to itself because an end had to wait."""
        return self.details.delayed if self.details else 0

    @property
    def sent(self) -> int:
        """The number of events that Genesys Cloud sent to the intake queue."""
        return self.published - self.filtered

    def checks(self) -> dict[str, bool]:
        """Return whether each check holds, keyed by its description."""
        logged, expected = self.logged, self.expected
        outcomes = ("processed", "duplicate", "ignored", "rejected", "failed")
        reasons = {key for key in (*logged, *expected) if key.startswith(("ignored.", "rejected."))}
        # How many events are noted depends on the order in which the events arrive.
        reasons.discard("ignored.noted")
        if self.details:
            # How many ends wait depends on when the worker asks for their details.
            reasons.discard("ignored.awaiting_details")
        dead = _by_reason(logged, "rejected")
        once = {
            f"every end arrived once at {destination}": all(count == 1 for count in arrivals)
            and len(arrivals) == expected["ended"]
            for destination, arrivals in self.arrived.items()
        }
        return {
            "every message was received, and every failed one again": logged["received"]
            == self.sent + self.direct_messages + self.delayed + logged["failed"],
            "every received message had one outcome": logged["received"]
            == sum(logged[outcome] for outcome in outcomes),
            "the expected messages were ignored or rejected, by reason": all(
                logged[reason] == expected[reason] for reason in reasons
            ),
            # How many messages find their end claimed depends on how Lambda forms the batches. On a
            # busy machine, the emulator can answer too late.
            "messages failed only at a refusal, a live claim or a late answer": logged["failed"]
            == sum(logged[f"failed.{reason}"] for reason in _RETRIES)
            and self._refusals_hold(),
            **self._end_checks(),
            **once,
            "nothing else arrived": self.unexpected.total() == 0,
            "every webhook request was signed with the webhook's key": self.forged == 0,
            "every reject is in the dead-letter queue with its reason": self.dead_letters == dead,
            "nothing is left in the intake queue": self.left_in_queue == 0,
            **(self.details.checks() if self.details else {}),
        }

    def _refusals_hold(self) -> bool:
        """Return whether the number of messages that failed at a destination is as expected."""
        return self.logged["failed.destination"] == self.expected["failed.destination"]

    def _end_checks(self) -> dict[str, bool]:
        """Return the checks of the messages that carry ends."""
        return {
            "the ends in our queues were processed": self.logged["processed"]
            == self.expected["processed"],
            **self._repeat_check(),
        }

    def _repeat_check(self) -> dict[str, bool]:
        repeated, logged = self.expected["duplicate"], self.logged
        if not self.details:
            return {"the repeated events were duplicates": logged["duplicate"] == repeated}
        # A repeat of an end that waits is ignored too. Of the messages of an end, one is processed.
        return {
            "the repeated events were duplicates, or their ends waited": (
                logged["duplicate"] + logged["ignored.awaiting_details"] == repeated + self.delayed
            )
        }

    def table(self) -> str:
        """Return the report as a table of at most 80 columns."""
        logged = self.logged
        lines = [
            row("published to Genesys Cloud", self.published),
            row("  published a second time", self.repeated),
            row(f"  filtered {self.filtered_where}", self.filtered),
            row("  sent on to the intake queue", self.sent),
            row("sent straight to the intake queue", self.direct_messages),
            *(
                [row("sent by the worker to itself, to ask again", self.delayed)]
                * bool(self.details)
            ),
            row("received by the worker", logged["received"] - logged["failed"]),
            row("  processed", logged["processed"]),
            *self._end_rows(),
            row("  duplicate", logged["duplicate"]),
            *(row(f"  ignored: {r}", n) for r, n in _by_reason(logged, "ignored").items()),
            *(row(f"  rejected: {r}", n) for r, n in _by_reason(logged, "rejected").items()),
            row("retries, each after a delay", logged["failed"]),
            *(row(f"  {_RETRIES.get(r, r)}", n) for r, n in _by_reason(logged, "failed").items()),
            *(row(f"arrived at {name}", sum(counts)) for name, counts in self.arrived.items()),
            *(self.details.rows() if self.details else ()),
            row("in the dead-letter queue", self.dead_letters.total()),
            row("left in the intake queue", self.left_in_queue),
        ]
        if self.latencies:
            lines.append("From publication to the last destination, in seconds:")
            lines += [row(f"  p{p}", f"{_percentile(self.latencies, p):.2f}") for p in (50, 95, 99)]
        return "\n".join(lines)

    def _end_rows(self) -> list[str]:
        """Return the rows about the ends in the processed messages."""
        return []


@dataclass(slots=True)
class PartnerRunReport(RunReport):
    """The report of a run with partner events, where an end takes several events.

    Their order of arrival decides which event completes an end, and how many events are duplicates.
    The order does not change the ends.
    """

    filtered_where: ClassVar[str] = "by topic, and by the rules"

    def _refusals_hold(self) -> bool:
        # If an end is refused, all messages of the batch that report it fail.
        refused = self.expected["failed.destination"]
        failed = self.logged["failed.destination"]
        return failed >= refused if refused else failed == 0

    def _end_checks(self) -> dict[str, bool]:
        logged, expected = self.logged, self.expected
        return {
            "the ends are those that the end rule derives": logged["ended"] == expected["ended"],
            # One message can complete the ends of a conversation in several queues.
            "processed messages: no fewer than conversations, no more than ends": (
                expected["conversations"] <= logged["processed"] <= expected["ended"]
            ),
        }

    def _end_rows(self) -> list[str]:
        return [row("    ends that these messages completed", self.logged["ended"])]


_RETRIES = {
    "destination": "refused by a destination",
    "claimed_elsewhere": "their end was in another worker's hands",
    "ledger": "the ledger answered too late",
}


def _by_reason(counts: Mapping[str, int], outcome: str) -> Counter[str]:
    prefix = f"{outcome}."
    return Counter(
        {key.removeprefix(prefix): counts[key] for key in sorted(counts) if key.startswith(prefix)}
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1]
