"""The account of a run with faults: what arrived where, seen from outside, and why any twice."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.chaos.fault_proxy import Call, Death
from local.chaos.histories import ANSWER_LOST, HUNG, IN_FLIGHT, Histories, sources_of_excused_sends
from local.receivers.receiver import End
from local.runs.account import row
from local.runs.queues import DeadLetter


@dataclass(frozen=True, slots=True)
class LedgerItem:
    """What the ledger says of an end."""

    state: str
    delivered: frozenset[str]


@dataclass(slots=True)
class Account:
    """What was sent, what the faults did, and where it all is now.

    Attributes
    ----------
    ends
        The distinct ends that were sent.
    at_once, later
        How many messages repeat one that was sent at the same moment, or before.
    poison
        The reason and the body of each message that must be rejected, by its id.
    arrived
        For each destination, when each end arrived there.
    ledger
        The ledger's items.
    left
        Messages left in the intake queue.
    calls, deaths
        Of the worker's processes, as the proxy saw them.
    timeouts
        How many invocations timed out.
    met
        How often a message came while another worker was at its end.
    struck
        How often each fault, as its kind and place, struck.
    missing
        Faults that were to strike and did not.
    """

    ends: frozenset[End] = frozenset()
    at_once: int = 0
    later: int = 0
    poison: dict[str, tuple[str, str]] = field(default_factory=dict)
    arrived: Mapping[str, Mapping[End, Sequence[float]]] = field(default_factory=dict)
    ledger: Mapping[End, LedgerItem] = field(default_factory=dict)
    dead: Sequence[DeadLetter] = ()
    left: int = 0
    forged: int = 0
    calls: Sequence[Call] = ()
    deaths: Sequence[Death] = ()
    timeouts: int = 0
    met: int = 0
    struck: Mapping[tuple[str, str], int] = field(default_factory=dict)
    missing: Sequence[str] = ()

    @property
    def hung(self) -> int:
        """How often an action was made to hang."""
        return sum(death.place == HUNG for death in self.deaths)

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return len(self.deaths) - self.hung

    def lost(self) -> dict[str, int]:
        """Return how many ends have not arrived at each destination."""
        return {place: len(self.ends - noted.keys()) for place, noted in self.arrived.items()}

    def repeats(self) -> Counter[tuple[str, str]]:
        """Return how many deliveries were followed by another one, by destination and reason."""
        history = Histories(self.calls, self.deaths)
        return Counter(
            (place, history.why_again(end, place, moment))
            for place, noted in self.arrived.items()
            for end, moments in noted.items()
            for moment in sorted(moments)[:-1]
        )

    def rejected_twice(self) -> tuple[int, int]:
        """Return how many rejects are there again: excused ones, and others."""
        sent = sources_of_excused_sends(self.calls, self.deaths)
        there = Counter(letter.source_id for letter in self.dead if letter.source_id)
        excused = sum(min(count - 1, sent[source]) for source, count in there.items())
        return excused, sum(count - 1 for count in there.values()) - excused

    def checks(self) -> dict[str, bool]:
        """Return every sum that must hold, in words, and whether it does."""
        places = frozenset(self.arrived)
        rejected = {letter.source_id: (letter.reason, letter.body) for letter in self.dead}
        again = {why for _, why in self.repeats()}
        return {
            "every end arrived at every destination": not any(self.lost().values()),
            "none arrived twice but those in flight when a process was killed": again
            <= {IN_FLIGHT},
            "nothing else arrived": all(
                noted.keys() <= self.ends for noted in self.arrived.values()
            ),
            "every webhook was signed": self.forged == 0,
            "the ledger has every end, done, at every destination": self.ledger.keys() == self.ends
            and all(i.state == "done" and i.delivered == places for i in self.ledger.values()),
            "every poison message is in the dead-letter queue, and nothing else": rejected
            == self.poison,
            "none is there twice but after a kill before the delete, or an answer lost": (
                self.rejected_twice()[1] == 0
            ),
            "nothing is left in the intake queue": self.left == 0,
            "every fault struck": not self.missing,
            "every process that was to be killed was": self.killed
            == sum(n for (kind, _), n in self.struck.items() if kind.startswith("killed")),
            "every action that hung ran into the function's timeout": self.timeouts == self.hung,
        }

    def table(self) -> str:
        """Return the account as text of at most 80 columns."""
        repeats = self.repeats()
        reasons_again = dict.fromkeys([IN_FLIGHT, ANSWER_LOST, *(why for _, why in repeats)])
        excused, others = self.rejected_twice()
        reasons = Counter(letter.reason or "received too often" for letter in self.dead)
        done = sum(item.state == "done" for item in self.ledger.values())
        lines = [
            row("distinct ends sent", len(self.ends)),
            row("  sent twice at the same moment", self.at_once),
            row("  sent again later", self.later),
            row("poison messages sent", len(self.poison)),
            row("processes killed", self.killed),
            row("invocations timed out", self.timeouts),
            row("messages whose end another worker was at", self.met),
            *(
                row(f"ends that arrived at {place}", len(noted))
                for place, noted in self.arrived.items()
            ),
            row("lost", sum(self.lost().values())),
            *(line for why in reasons_again for line in _rows_of_repeats(why, repeats)),
            row("done in the ledger", done),
            row("in the dead-letter queue", len(self.dead)),
            *(row(f"  {reason}", count) for reason, count in sorted(reasons.items())),
            row("  of these again, killed before the delete or answer lost", excused),
            row("  of these again, otherwise", others),
            row("left in the intake queue", self.left),
        ]
        return "\n".join(lines)

    def faults(self) -> str:
        """Return how often each fault struck, as text of at most 80 columns."""
        by_kind: defaultdict[str, list[str]] = defaultdict(list)
        for (kind, place), count in sorted(self.struck.items()):
            by_kind[kind].append(f"{place} {count}")
        rows = [f"{kind}: {', '.join(places)}" for kind, places in by_kind.items()]
        return "\n".join([*rows, *(f"NOT STRUCK: {fault}" for fault in self.missing)])


def _rows_of_repeats(why: str, repeats: Counter[tuple[str, str]]) -> list[str]:
    of_place = {place: repeats[place, reason] for place, reason in sorted(repeats) if reason == why}
    return [
        row(f"delivered again, {why}", sum(of_place.values())),
        *(row(f"  to {place}", count) for place, count in of_place.items()),
    ]
