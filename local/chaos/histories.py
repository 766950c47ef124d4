"""What the worker's invocations did with each end, and why one was delivered again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


def sources_of_excused_sends(calls: Sequence[Call], deaths: Iterable[Death]) -> Counter[str]:
    """Return how often each reject was sent and its message had to come back.

    Its process had stopped waiting for the answer, or was killed before it deleted anything more.
    """
    killed = {death.pid for death in deaths}
    # In the order in which they were carried out.
    carried_out = [call for call in calls if call.answered is not None]
    last_deleted = {c.pid: c.at for c in carried_out if c.place == "DeleteMessageBatch"}
    return Counter(
        entry["MessageAttributes"]["source_message_id"]["StringValue"]
        for call in carried_out
        if call.place == "SendMessageBatch"
        if call.lost or (call.pid in killed and last_deleted.get(call.pid, 0) < call.at)
        for entry in call.asked["Entries"]
    )
