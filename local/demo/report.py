"""The account of every event of a demo run: events sent, messages processed, ends that arrived."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar

from local.runs.account import row


@dataclass(slots=True)
class RunReport:
    """The account of a run of subscription events.

    Attributes
    ----------
    published, filtered
        Events published in Genesys Cloud, and published events that a filter dropped.
    repeated
        Published events that had been published before.
    straight
        Messages sent to the intake queue without Genesys Cloud.
    expected
        Messages that should have each outcome, by `outcome` or `outcome.reason`.
    logged
        Messages in the worker's log, by `outcome` or `outcome.reason`, and by `received`. The
        worker receives a failed message again.
    dead_letters
        Messages in the dead-letter queue by reason.
    arrived
        The number of arrivals of each expected end, by destination.
    unexpected
        Unexpected ends by destination.
    forged
        Webhook requests without a valid signature.
    left_in_queue
        Messages in the intake queue.
    latencies
        Each end's seconds from publication to its last destination.
    """

    filtered_where: ClassVar[str] = "at the source"
    published: int = 0
    filtered: int = 0
    repeated: int = 0
    straight: int = 0
    expected: Counter[str] = field(default_factory=Counter)
    logged: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    arrived: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unexpected: Counter[str] = field(default_factory=Counter)
    forged: int = 0
    left_in_queue: int = 0
    latencies: Sequence[float] = ()

    @property
    def sent(self) -> int:
        """The number of events that Genesys Cloud sent to the intake queue."""
        return self.published - self.filtered

    def checks(self) -> dict[str, bool]:
        """Return each check in words, and whether it holds."""
        logged, expected = self.logged, self.expected
        outcomes = ("processed", "duplicate", "ignored", "rejected", "failed")
        reasons = {key for key in (*logged, *expected) if key.startswith(("ignored.", "rejected."))}
        # The number of noted events depends on the order in which events arrive.
        reasons.discard("ignored.noted")
        dead = _by_reason(logged, "rejected")
        once = {
            f"every end arrived once at {destination}": all(count == 1 for count in arrivals)
            and len(arrivals) == expected["ended"]
            for destination, arrivals in self.arrived.items()
        }
        return {
            "every message was received, and every failed one again": logged["received"]
            == self.sent + self.straight + logged["failed"],
            "every received message had one outcome": logged["received"]
            == sum(logged[outcome] for outcome in outcomes),
            "the expected messages were ignored or rejected, by reason": all(
                logged[reason] == expected[reason] for reason in reasons
            ),
            # The number of messages that meet a live claim depends on their batches.
            "messages failed only at a refusal or a live claim": logged["failed"]
            == logged["failed.destination"] + logged["failed.claimed_elsewhere"]
            and self._refusals_hold(),
            **self._end_checks(),
            **once,
            "nothing else arrived": self.unexpected.total() == 0,
            "every webhook request was signed with the webhook's key": self.forged == 0,
            "every reject is in the dead-letter queue with its reason": self.dead_letters == dead,
            "nothing is left in the intake queue": self.left_in_queue == 0,
        }

    def _refusals_hold(self) -> bool:
        """Return whether the expected number of messages failed at a refusal."""
        return self.logged["failed.destination"] == self.expected["failed.destination"]

    def _end_checks(self) -> dict[str, bool]:
        """Return the checks of the messages that carry ends."""
        return {
            "the ends in our queues were processed": self.logged["processed"]
            == self.expected["processed"],
            "the repeated events were duplicates": self.logged["duplicate"]
            == self.expected["duplicate"],
        }

    def table(self) -> str:
        """Return the account as text of at most 80 columns."""
        logged = self.logged
        lines = [
            row("published to Genesys Cloud", self.published),
            row("  published a second time", self.repeated),
            row(f"  filtered {self.filtered_where}", self.filtered),
            row("  sent on to the intake queue", self.sent),
            row("sent straight to the intake queue", self.straight),
            row("received by the worker", logged["received"] - logged["failed"]),
            row("  processed", logged["processed"]),
            *self._end_rows(),
            row("  duplicate", logged["duplicate"]),
            *(row(f"  ignored: {r}", n) for r, n in _by_reason(logged, "ignored").items()),
            *(row(f"  rejected: {r}", n) for r, n in _by_reason(logged, "rejected").items()),
            row("retries, each after a delay", logged["failed"]),
            *(row(f"  {_RETRIES.get(r, r)}", n) for r, n in _by_reason(logged, "failed").items()),
            *(row(f"arrived at {name}", sum(counts)) for name, counts in self.arrived.items()),
            row("in the dead-letter queue", self.dead_letters.total()),
            row("left in the intake queue", self.left_in_queue),
        ]
        if self.latencies:
            lines.append("From publication to the last destination, in seconds:")
            lines += [row(f"  p{p}", f"{_percentile(self.latencies, p):.2f}") for p in (50, 95, 99)]
        return "\n".join(lines)

    def _end_rows(self) -> list[str]:
        """Return further rows for the processed messages."""
        return []


@dataclass(slots=True)
class PartnerRunReport(RunReport):
    """The account of a run of partner events, several of which complete an end.

    The order in which the worker receives them decides which event completes the end and how many
    are duplicates. It does not change the ends.
    """

    filtered_where: ClassVar[str] = "by topic, and by the rules"

    def _refusals_hold(self) -> bool:
        # A refused end makes every event of its conversation in the batch fail.
        refused = self.expected["failed.destination"]
        failed = self.logged["failed.destination"]
        return failed >= refused if refused else failed == 0

    def _end_checks(self) -> dict[str, bool]:
        logged, expected = self.logged, self.expected
        return {
            "the ends are those that the end rule derives": logged["ended"] == expected["ended"],
            # One message can complete a conversation's ends in all of its queues.
            "processed messages: no fewer than conversations, no more than ends": (
                expected["conversations"] <= logged["processed"] <= expected["ended"]
            ),
        }

    def _end_rows(self) -> list[str]:
        return [row("    ends that these messages completed", self.logged["ended"])]


_RETRIES = {
    "destination": "refused by a destination",
    "claimed_elsewhere": "their end was in another worker's hands",
}


def _by_reason(counts: Mapping[str, int], outcome: str) -> Counter[str]:
    prefix = f"{outcome}."
    return Counter(
        {key.removeprefix(prefix): counts[key] for key in sorted(counts) if key.startswith(prefix)}
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1]
