"""The report of a chaos run: where ends arrived, and why some arrived more than once."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from local.chaos.calls import CallLog, Death
from local.chaos.details import DetailsAccount
from local.chaos.repeats import (
    ANSWER_LOST,
    HANGING_ACTION,
    IN_FLIGHT,
    LedgerWrites,
    excused_rejects,
)
from local.chaos.source.account import SourceAccount
from local.receivers.receiver import End
from local.runs.queues import DeadLetter
from local.runs.report import row


@dataclass(frozen=True, slots=True)
class LedgerItem:
    """An end's state in the ledger, and the destinations that have the end."""

    state: str
    delivered: frozenset[str]


@dataclass(slots=True)
class RunReport:
    """What was sent, which faults struck, and what arrived.

    Attributes
    ----------
    ends
        The ends that the events make, as the keys of their ledger items.
    published
        The number of distinct events that were published.
    repeated_at_once, repeated_later
        The number of events published twice at the same moment, and the number published again
        later.
    source
        What happened at the source.
    poison
        Keyed by message id: the expected reason and the body of each malformed message.
    arrived
        Keyed by destination, then by end: the times at which the end arrived there.
    end_ids
        Keyed by destination, then by end: the `end_id`s that arrived with the end.
    ledger
        The ledger's items, keyed by end.
    dead_letters, left_in_queue
        The messages in the dead-letter queue at the end of the run, and the number of messages that
        are still in the intake queue.
    forged
        The number of webhook requests without a valid signature.
    calls, deaths
        The calls and the deaths of worker processes that the proxy recorded. `deaths` also has the
        processes that hung in an action until the function's timeout.
    timeouts
        The number of invocations that timed out.
    unanswered_rejects
        Keyed by message id: how often the worker got no answer when it moved a message to the
        dead-letter queue.
    claim_conflicts
        How often a message failed with `claimed_elsewhere`.
    struck
        How often faults struck, keyed by kind and target.
    pending
        The planned faults that did not strike.
    details
        The account of the ends' details; None if the setting `details` is `none`.
    """

    ends: frozenset[End] = frozenset()
    published: int = 0
    repeated_at_once: int = 0
    repeated_later: int = 0
    poison: dict[str, tuple[str, str]] = field(default_factory=dict)
    arrived: Mapping[str, Mapping[End, Sequence[float]]] = field(default_factory=dict)
    end_ids: Mapping[str, Mapping[End, Collection[str]]] = field(default_factory=dict)
    ledger: Mapping[End, LedgerItem] = field(default_factory=dict)
    dead_letters: Sequence[DeadLetter] = ()
    left_in_queue: int = 0
    forged: int = 0
    calls: CallLog = field(default_factory=CallLog)
    deaths: Sequence[Death] = ()
    timeouts: int = 0
    unanswered_rejects: Counter[str] = field(default_factory=Counter)
    claim_conflicts: int = 0
    struck: Mapping[tuple[str, str], int] = field(default_factory=dict)
    pending: Sequence[str] = ()
    details: DetailsAccount | None = None
    source: SourceAccount = field(default_factory=SourceAccount)

    @property
    def hung(self) -> int:
        """The number of actions that hung because the CRM told them to."""
        return sum(death.operation == HANGING_ACTION for death in self.deaths)

    @property
    def killed(self) -> int:
        """The number of processes that the proxy killed."""
        return len(self.deaths) - self.hung

    def lost(self) -> dict[str, int]:
        """Return the number of ends that did not arrive, keyed by destination."""
        return {name: len(self.ends - ends.keys()) for name, ends in self.arrived.items()}

    def repeats(self) -> Counter[tuple[str, str]]:
        """Return how many arrivals were repeated later, keyed by destination and reason."""
        repeated = {
            end for ends in self.arrived.values() for end, times in ends.items() if len(times) > 1
        }
        writes = LedgerWrites(self.calls, self.deaths, repeated)
        return Counter(
            (destination, writes.reason_for_repeat(end, destination, at))
            for destination, ends in self.arrived.items()
            for end, times in ends.items()
            for at in sorted(times)[:-1]
        )

    def repeated_rejects(self) -> tuple[int, int]:
        """Return the number of repeated dead letters with an excuse, and the number without."""
        allowed = excused_rejects(self.calls, self.deaths, self.unanswered_rejects)
        found = Counter(
            letter.source_message_id for letter in self.dead_letters if letter.source_message_id
        )
        excused = sum(min(count - 1, allowed[source]) for source, count in found.items())
        return excused, sum(count - 1 for count in found.values()) - excused

    def _ids_are_unique(self) -> bool:
        found = {
            (end, id_) for ends in self.end_ids.values() for end, ids in ends.items() for id_ in ids
        }
        return len(found) == len({end for end, _ in found}) == len({id_ for _, id_ in found})

    def _reopened(self) -> int:
        """Return the number of ends that follow an earlier end in the same queue."""
        return sum("#" in queue_id for _, queue_id in self.ends)

    def checks(self) -> dict[str, bool]:
        """Return whether each check holds, keyed by its description."""
        destinations = frozenset(self.arrived)
        rejects = {each.source_message_id: (each.reason, each.body) for each in self.dead_letters}
        reasons = {reason for _, reason in self.repeats()}
        return {
            "every end arrived at every destination": not any(self.lost().values()),
            "no end arrived twice unless its process was killed in flight": reasons <= {IN_FLIGHT},
            "every end had one id everywhere, and no other end had it": self._ids_are_unique(),
            "nothing else arrived": all(ends.keys() <= self.ends for ends in self.arrived.values()),
            "every webhook was signed": self.forged == 0,
            "the ledger has every end as done at every destination": self.ledger
            == {end: LedgerItem("done", destinations) for end in self.ends},
            "the dead-letter queue has every poison message and nothing else": rejects
            == self.poison,
            "no reject is there twice for no reason": self.repeated_rejects()[1] == 0,
            "nothing is left in the intake queue": self.left_in_queue == 0,
            "every fault struck": not self.pending,
            "every fault that kills killed a process": self.killed
            == sum(n for (kind, _), n in self.struck.items() if kind.startswith("killed")),
            "every hanging action ran into the function's timeout": self.timeouts == self.hung,
            **self.source.checks(),
            **(self.details.checks() if self.details else {}),
        }

    def table(self) -> str:
        """Return the report as a table of at most 80 columns."""
        repeats = self.repeats()
        repeat_reasons = dict.fromkeys([IN_FLIGHT, ANSWER_LOST, *(why for _, why in repeats)])
        excused, others = self.repeated_rejects()
        reject_reasons = Counter(each.reason or "received too often" for each in self.dead_letters)
        done = sum(item.state == "done" for item in self.ledger.values())
        lines = [
            row("distinct events published", self.published),
            row("  published twice at the same moment", self.repeated_at_once),
            row("  published again later", self.repeated_later),
            row("distinct ends in them", len(self.ends)),
            row("  of conversations that were re-opened", self._reopened()),
            row("poison messages sent", len(self.poison)),
            *self.source.rows(),
            row("processes killed", self.killed),
            row("invocations timed out", self.timeouts),
            row("messages whose end another worker had claimed", self.claim_conflicts),
            *(
                row(f"ends that arrived at {name}", len(ends))
                for name, ends in self.arrived.items()
            ),
            row("lost", sum(self.lost().values())),
            *(line for reason in repeat_reasons for line in _repeat_rows(reason, repeats)),
            row("done in the ledger", done),
            row("in the dead-letter queue", len(self.dead_letters)),
            *(row(f"  {reason}", count) for reason, count in sorted(reject_reasons.items())),
            row("  repeated for a known reason", excused),
            row("  repeated for no reason", others),
            row("left in the intake queue", self.left_in_queue),
            *(self.details.rows() if self.details else ()),
        ]
        return "\n".join(lines)

    def faults(self) -> str:
        """Return lines of at most 80 columns that say how often each fault struck."""
        by_kind: defaultdict[str, list[str]] = defaultdict(list)
        for (kind, target), count in sorted(self.struck.items()):
            by_kind[kind].append(f"{target} {count}")
        rows = [
            line
            for kind, targets in by_kind.items()
            for line in textwrap.wrap(
                f"{kind}: {', '.join(targets)}", 78, subsequent_indent="  ", break_on_hyphens=False
            )
        ]
        return "\n".join([*rows, *(f"NOT STRUCK: {fault}" for fault in self.pending)])


def _repeat_rows(reason: str, repeats: Counter[tuple[str, str]]) -> list[str]:
    counts = {name: repeats[name, why] for name, why in sorted(repeats) if why == reason}
    return [
        row(f"arrived again, {reason}", sum(counts.values())),
        *(row(f"  at {name}", count) for name, count in counts.items()),
    ]
