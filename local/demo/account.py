"""The account of every event of a run: what was sent, and what became of it, from both ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar

from local.runs.account import row


@dataclass(slots=True)
class Account:
    """What went in, what the worker says became of it, and what came out.

    Attributes
    ----------
    published, filtered
        Events given to Genesys Cloud, and those of them that were kept from us on the way.
    repeated
        How many of those published had been published before.
    straight
        Messages sent to the intake queue past Genesys Cloud.
    expected
        How many messages should have each outcome, by `outcome` or `outcome.reason`.
    worker
        How many messages had each outcome by the worker's log, likewise, and how many it
        `received`; a message that failed is received again.
    dead
        Messages in the dead-letter queue by reason.
    arrived
        For each destination, how often each end that should have arrived there did.
    strangers
        For each destination, ends that arrived there and should not have.
    forged
        Requests to the webhook that were not signed with its key.
    left
        Messages left in the intake queue.
    latencies
        Seconds from publication until it was everywhere, of each end.
    """

    filtered_where: ClassVar[str] = "at the source"
    published: int = 0
    filtered: int = 0
    repeated: int = 0
    straight: int = 0
    expected: Counter[str] = field(default_factory=Counter)
    worker: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    arrived: Mapping[str, Sequence[int]] = field(default_factory=dict)
    strangers: Counter[str] = field(default_factory=Counter)
    forged: int = 0
    left: int = 0
    latencies: Sequence[float] = ()

    @property
    def sent(self) -> int:
        """Events that Genesys Cloud sent to the intake queue."""
        return self.published - self.filtered

    def checks(self) -> dict[str, bool]:
        """Return every sum that must hold, in words, and whether it does."""
        worker, expected = self.worker, self.expected
        outcomes = ("processed", "duplicate", "ignored", "rejected", "failed")
        reasons = {key for key in (*worker, *expected) if key.startswith(("ignored.", "rejected."))}
        # What is noted is decided with a later event; which one that is depends on their order.
        reasons.discard("ignored.noted")
        dead = _by_reason(worker, "rejected")
        once = {
            f"each of these arrived at {place}, once": all(times == 1 for times in arrivals)
            and len(arrivals) == expected["ended"]
            for place, arrivals in self.arrived.items()
        }
        return {
            "every message in the queue was received, failed ones again": worker["received"]
            == self.sent + self.straight + worker["failed"],
            "every one received had one outcome": worker["received"]
            == sum(worker[outcome] for outcome in outcomes),
            "ignored and rejected are those that should be": all(
                worker[reason] == expected[reason] for reason in reasons
            ),
            # How many meet a live claim depends on which batches they happen to be in.
            "retries are those that were refused, or met a live claim": worker["failed"]
            == worker["failed.destination"] + worker["failed.claimed_elsewhere"]
            and self._refused(),
            **self._ends(),
            **once,
            "nothing else arrived": self.strangers.total() == 0,
            "every request to the webhook was signed with its key": self.forged == 0,
            "every reject is in the dead-letter queue with its reason": self.dead == dead,
            "nothing is left in the intake queue": self.left == 0,
        }

    def _refused(self) -> bool:
        """Return whether as many messages failed as were to be refused."""
        return self.worker["failed.destination"] == self.expected["failed.destination"]

    def _ends(self) -> dict[str, bool]:
        """Return the sums that hold for the messages that tell of ends."""
        return {
            "processed are those of our queues": self.worker["processed"]
            == self.expected["processed"],
            "duplicates are those that were published again": self.worker["duplicate"]
            == self.expected["duplicate"],
        }

    def table(self) -> str:
        """Return the account as text of at most 80 columns."""
        worker = self.worker
        lines = [
            row("published to Genesys Cloud", self.published),
            row("  of these, published before", self.repeated),
            row(f"  filtered {self.filtered_where}", self.filtered),
            row("  sent on to the intake queue", self.sent),
            row("sent straight to the intake queue", self.straight),
            row("received by the worker", worker["received"] - worker["failed"]),
            row("  processed", worker["processed"]),
            *self._rows(),
            row("  duplicate", worker["duplicate"]),
            *(row(f"  ignored: {r}", n) for r, n in _by_reason(worker, "ignored").items()),
            *(row(f"  rejected: {r}", n) for r, n in _by_reason(worker, "rejected").items()),
            row("retries, each after a delay", worker["failed"]),
            *(row(f"  {_RETRIES.get(r, r)}", n) for r, n in _by_reason(worker, "failed").items()),
            *(row(f"arrived at {place}", sum(n)) for place, n in self.arrived.items()),
            row("in the dead-letter queue", self.dead.total()),
            row("left in the intake queue", self.left),
        ]
        if self.latencies:
            lines.append("From publication to the last destination, in seconds:")
            lines += [row(f"  p{p}", f"{_percentile(self.latencies, p):.2f}") for p in (50, 95, 99)]
        return "\n".join(lines)

    def _rows(self) -> list[str]:
        """Return rows that say more of what was processed."""
        return []


@dataclass(slots=True)
class PartnerAccount(Account):
    """An account of events of the EventBridge integration, in which an end is made up of several.

    Which of them fires it, and how many repeat that, depends on the order in which they are
    received; the ends do not.
    """

    filtered_where: ClassVar[str] = "by topic, and by the rules"

    def _refused(self) -> bool:
        # An end that is refused holds up every event of the batch that fires it.
        refused = self.expected["failed.destination"]
        failed = self.worker["failed.destination"]
        return failed >= refused if refused else failed == 0

    def _ends(self) -> dict[str, bool]:
        worker, expected = self.worker, self.expected
        return {
            "ends are those that the end rule derives": worker["ended"] == expected["ended"],
            # One message of a conversation can fire the ends in all of its queues.
            "processed are the messages that fired them": expected["conversations"]
            <= worker["processed"]
            <= expected["ended"],
        }

    def _rows(self) -> list[str]:
        return [row("    ends that these made up", self.worker["ended"])]


_RETRIES = {
    "destination": "refused by a destination",
    "claimed_elsewhere": "the same end was in another worker's hands",
}


def _by_reason(counts: Mapping[str, int], outcome: str) -> Counter[str]:
    prefix = f"{outcome}."
    return Counter(
        {key.removeprefix(prefix): counts[key] for key in sorted(counts) if key.startswith(prefix)}
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` of them do not exceed."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1]
