"""The account of the events that Genesys Cloud lost, and of the ends that came back."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.runs.report import row


@dataclass(slots=True)
class SourceAccount:
    """What happened at the source in a run.

    Attributes
    ----------
    dropped
        The number of events that Genesys Cloud lost one by one.
    lost_while
        How many events were published while the subscription or integration was gone, keyed by
        what had happened to it.
    healed
        How often the watchdog healed, keyed by what had happened.
    missed
        The number of ends that were not in the ledger before the backfill.
    recovered
        The number of ends that arrived with the source `backfill`, keyed by destination.
    sent
        The number of ends that each backfill sent. The first one should find all that were missed.
    finished
        How many of the two backfills came to their ends.
    """

    dropped: int = 0
    lost_while: Counter[str] = field(default_factory=Counter)
    healed: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    recovered: Mapping[str, int] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    finished: int = 0

    def checks(self) -> dict[str, bool]:
        """Return whether each check holds, keyed by its description."""
        return {
            "the watchdog healed whatever had happened at the source": self.healed
            == dict.fromkeys(self.lost_while, 1),
            "every end that was missed arrived at every destination": all(
                count >= self.missed for count in self.recovered.values()
            ),
            # A page that is searched again may send an end twice, which the ledger notices.
            "the backfill found every end that was missed": sum(self.sent[:1]) >= self.missed,
            "a second backfill looked at everything and found nothing": self.finished == 2
            and self.sent[1:] == [0],
        }

    def rows(self) -> list[str]:
        """Return the rows of the report's table."""
        return [
            row("events that Genesys Cloud dropped", self.dropped),
            *(
                line
                for kind, count in self.lost_while.items()
                for line in (
                    row(f"events lost while the source was {kind}", count),
                    row(f"  {kind} and healed by the watchdog", self.healed[kind]),
                )
            ),
            row("ends missed before the backfill", self.missed),
            *(row(f"  sent by backfill {n}", sent) for n, sent in enumerate(self.sent, start=1)),
            *(row(f"  recovered at {name}", count) for name, count in self.recovered.items()),
        ]
