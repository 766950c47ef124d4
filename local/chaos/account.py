"""The account of a run with faults: what arrived where, seen from outside, and why any twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.chaos.fault_proxy import Call, Death, condition_of, values_of
from local.receivers.receiver import End

IN_FLIGHT = "its process was killed before the mark"
ANSWER_LOST = "the destination's answer was lost"
UNEXPLAINED = "for no reason"
MARKED = "although it was marked"
# Calls of an invocation that come before its claims or after their release.
OF_THE_QUEUES = {"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
# A queue tells the moment of an arrival in whole milliseconds.
ROUNDED = 0.001
HUNG = "an action that hangs"
"""Where a process dies that its function's timeout ends."""
WIDTH = 58


@dataclass(frozen=True, slots=True)
class Write:
    """A statement of the ledger's that was carried out.

    Attributes
    ----------
    holder
        The token of the invocation that it belongs to.
    asked_at, at
        When it was asked for, and when it had been carried out, in epoch seconds.
    claims
        Whether it takes a claim.
    delivered
        The destinations that it names as done, where it names them.
    """

    holder: str
    end: End
    asked_at: float
    at: float
    claims: bool = False
    delivered: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue; `reason` and `source_id` are empty if it has none."""

    source_id: str
    reason: str
    body: str


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
        """Return how many rejects are there again: after a kill before the delete, and others."""
        killed = _sources_of_killed_sends(self.calls, self.deaths)
        there = Counter(letter.source_id for letter in self.dead if letter.source_id)
        excused = sum(min(count - 1, killed[source]) for source, count in there.items())
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
            "none is there twice but where the process was killed before the delete": (
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
            _row("distinct ends sent", len(self.ends)),
            _row("  sent twice at the same moment", self.at_once),
            _row("  sent again later", self.later),
            _row("poison messages sent", len(self.poison)),
            _row("processes killed", self.killed),
            _row("invocations timed out", self.timeouts),
            _row("messages whose end another worker was at", self.met),
            *(
                _row(f"ends that arrived at {place}", len(noted))
                for place, noted in self.arrived.items()
            ),
            _row("lost", sum(self.lost().values())),
            *(row for why in reasons_again for row in _rows_of_repeats(why, repeats)),
            _row("done in the ledger", done),
            _row("in the dead-letter queue", len(self.dead)),
            *(_row(f"  {reason}", count) for reason, count in sorted(reasons.items())),
            _row("  of these again, killed between send and delete", excused),
            _row("  of these again, otherwise", others),
            _row("left in the intake queue", self.left),
        ]
        return "\n".join(lines)

    def faults(self) -> str:
        """Return how often each fault struck, as text of at most 80 columns."""
        by_kind: defaultdict[str, list[str]] = defaultdict(list)
        for (kind, place), count in sorted(self.struck.items()):
            by_kind[kind].append(f"{place} {count}")
        rows = [f"{kind}: {', '.join(places)}" for kind, places in by_kind.items()]
        return "\n".join([*rows, *(f"NOT STRUCK: {fault}" for fault in self.missing)])


class Histories:
    """What the worker's invocations did with each end, from the calls that passed."""

    def __init__(self, calls: Sequence[Call], deaths: Sequence[Death]) -> None:
        self._writes: defaultdict[End, list[Write]] = defaultdict(list)
        holders: dict[int, str] = {}
        # What was carried out late is no sign of what its process was at by then.
        for call in sorted(calls, key=lambda call: call.asked_at):
            for write in writes_of(call):
                self._writes[write.end].append(write)
                holders[call.pid] = write.holder
        self._dead = {_holder_at(death, holders) for death in deaths}

    def why_again(self, end: End, destination: str, arrived: float) -> str:
        """Return why an end that arrived at a destination was delivered there again."""
        writes = self._writes[end]
        claims = [write for write in writes if write.claims and write.at <= arrived + ROUNDED]
        if not claims:
            return UNEXPLAINED
        holder = max(claims, key=lambda write: write.at).holder
        updates = [w for w in writes if w.holder == holder and w.delivered is not None]
        if any(destination in (write.delivered or ()) for write in updates):
            return MARKED
        if any(write.asked_at > arrived for write in updates):
            return ANSWER_LOST
        return IN_FLIGHT if holder in self._dead else UNEXPLAINED


def writes_of(call: Call) -> Iterable[Write]:
    """Yield the statements of a call that were carried out, unless they only keep an item."""
    answers = (call.answered or {}).get("Responses", ())
    for statement, answer in zip(call.asked.get("Statements", ()), answers, strict=False):
        if "Error" in answer:
            continue
        values, condition = values_of(statement), condition_of(statement)
        key = {**condition, **values}
        end = key["conversation_id"]["S"], key["queue_id"]["S"]
        if "claimed_by" in values:
            yield Write(values["claimed_by"]["S"], end, call.asked_at, call.at, claims=True)
        elif "delivered" in values:
            delivered = frozenset(name["S"] for name in values["delivered"]["L"])
            holder = condition["claimed_by"]["S"]
            yield Write(holder, end, call.asked_at, call.at, delivered=delivered)


def _holder_at(death: Death, last: Mapping[int, str]) -> str:
    """Return the token of the invocation in which a process died; empty if it held no claims."""
    if death.place in OF_THE_QUEUES:
        return ""
    asked = Call(death.pid, death.place, death.asked, 0.0, 0.0, {"Responses": [{}] * 25})
    return next((write.holder for write in writes_of(asked)), last.get(death.pid, ""))


def _sources_of_killed_sends(calls: Sequence[Call], deaths: Iterable[Death]) -> Counter[str]:
    """Return how often each reject was sent and its process killed before it was deleted."""
    killed = {death.pid for death in deaths}
    carried_out = (call for call in calls if call.answered is not None)
    last = {call.pid: call for call in sorted(carried_out, key=lambda call: call.asked_at)}
    return Counter(
        entry["MessageAttributes"]["source_message_id"]["StringValue"]
        for pid, call in last.items()
        if pid in killed and call.place == "SendMessageBatch"
        for entry in call.asked["Entries"]
    )


def _rows_of_repeats(why: str, repeats: Counter[tuple[str, str]]) -> list[str]:
    of_place = {place: repeats[place, reason] for place, reason in sorted(repeats) if reason == why}
    return [
        _row(f"delivered again, {why}", sum(of_place.values())),
        *(_row(f"  to {place}", count) for place, count in of_place.items()),
    ]


def _row(label: str, value: object) -> str:
    return f"  {label:.<{WIDTH}} {value!s:>8}"
