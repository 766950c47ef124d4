"""Finds the reason why an end arrived again, from the worker's writes to the ledger."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from local.chaos.calls import Call, CallLog, Death
from local.chaos.fault_proxy import condition_values, written_values
from local.receivers.receiver import End

IN_FLIGHT = "its process was killed before the mark"
ANSWER_LOST = "the destination's answer was lost"
UNEXPLAINED = "for no reason"
MARKED = "although it was marked"
# SQS calls. An invocation makes these calls while it holds no claims, or before it delivers an end.
QUEUE_CALLS = {"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
# The recorder of the bus knows times of arrival only to the millisecond.
ROUNDING = 0.001
HANGING_ACTION = "an action that hangs"
"""The operation of a process that hung in an action and was killed at the function's timeout."""


@dataclass(frozen=True, slots=True)
class Write:
    """A ledger statement that DynamoDB carried out.

    Attributes
    ----------
    holder
        The token of the invocation that holds the claim.
    received_at, done_at
        When the proxy received the statement, and when DynamoDB had responded, in epoch seconds.
    claims
        Whether the statement takes a claim.
    delivered
        The destinations that the statement marks; None if it takes a claim.
    """

    holder: str
    end: End
    received_at: float
    done_at: float
    claims: bool = False
    delivered: frozenset[str] | None = None


class LedgerWrites:
    """The writes to the ledger for some ends, taken from the calls that the proxy recorded."""

    def __init__(self, calls: CallLog, deaths: Sequence[Death], ends: Collection[End]) -> None:
        self._writes: defaultdict[End, list[Write]] = defaultdict(list)
        holders: dict[int, str] = {}
        # The log is in the order of receipt. The responses may come in another order, and would not
        # show which claim of a process is its last.
        for call in calls.of("claim", "takeover", "mark", "release"):
            for write in _writes_of(call):
                if write.end in ends:
                    self._writes[write.end].append(write)
                holders[call.pid] = write.holder
        self._dead = {_holder_at(death, holders) for death in deaths}

    def reason_for_repeat(self, end: End, destination: str, arrived: float) -> str:
        """Return why an end arrived again at a destination after the arrival at this time."""
        writes = self._writes[end]
        claims = [w for w in writes if w.claims and w.done_at <= arrived + ROUNDING]
        if not claims:
            return UNEXPLAINED
        holder = max(claims, key=lambda write: write.done_at).holder
        marks = [w for w in writes if w.holder == holder and w.delivered is not None]
        if any(destination in (write.delivered or ()) for write in marks):
            return MARKED
        if any(write.received_at > arrived for write in marks):
            return ANSWER_LOST
        return IN_FLIGHT if holder in self._dead else UNEXPLAINED


def _writes_of(call: Call) -> Iterable[Write]:
    """Yield the claims and marks of a call that DynamoDB carried out."""
    responses = (call.response or {}).get("Responses", ())
    for statement, response in zip(call.request.get("Statements", ()), responses, strict=False):
        if "Error" in response:
            continue
        values, condition = written_values(statement), condition_values(statement)
        key = {**condition, **values}
        end = key["conversation_id"]["S"], key["queue_id"]["S"]
        if "claimed_by" in values:
            yield Write(values["claimed_by"]["S"], end, call.received_at, call.done_at, claims=True)
        elif "delivered" in values:
            delivered = frozenset(name["S"] for name in values["delivered"]["L"])
            holder = condition["claimed_by"]["S"]
            yield Write(holder, end, call.received_at, call.done_at, delivered=delivered)


def _holder_at(death: Death, last: Mapping[int, str]) -> str:
    """Return the token of the invocation in which a process died; empty if it held no claims.

    Parameters
    ----------
    last
        Keyed by pid: the token in the last recorded write of the process.
    """
    if death.operation in QUEUE_CALLS:
        return ""
    call = Call(death.pid, death.operation, death.request, 0.0, 0.0, {"Responses": [{}] * 25})
    return next((write.holder for write in _writes_of(call)), last.get(death.pid, ""))


def excused_rejects(
    calls: CallLog, deaths: Iterable[Death], unanswered: Counter[str]
) -> Counter[str]:
    """Return how often each rejected message may have been sent to the dead-letter queue again.

    The result is keyed by message id. The worker sends a message again if the response to the first
    call was lost or late, or if the process was killed before it deleted the message. Two
    invocations send a message if the first one took longer than the visibility timeout. The message
    is then gone when the second one deletes it.

    Parameters
    ----------
    unanswered
        Keyed by message id: how often the worker has logged that it got no answer.
    """
    killed = {death.pid for death in deaths}
    last_deleted = {
        call.pid: call.done_at
        for call in calls.of("DeleteMessageBatch")
        if call.response is not None
    }
    lost: Counter[str] = Counter()
    undeleted: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    last_sent: dict[int, list[str]] = {}  # keyed by pid
    for call in calls.of("SendMessageBatch", "DeleteMessageBatch"):
        if call.response is None:
            continue
        if call.operation == "DeleteMessageBatch":
            refused = [int(entry["Id"]) for entry in call.response.get("Failed", ())]
            gone.update(last_sent[call.pid][position] for position in refused)
        elif rejected := [*_rejected_in(call)]:
            last_sent[call.pid] = rejected
            if call.lost:
                lost.update(rejected)
            elif call.pid in killed and last_deleted.get(call.pid, 0) < call.done_at:
                undeleted.update(rejected)
    # The worker logs most lost answers, but some calls it repeats at once.
    return undeleted + gone + (lost | unanswered)


def _rejected_in(call: Call) -> Iterator[str]:
    """Yield the message ids of the rejected messages that a call has sent."""
    refused = {entry["Id"] for entry in (call.response or {}).get("Failed", ())}
    for position, entry in enumerate(call.request["Entries"]):
        # The messages that the worker sends to itself have no such attribute.
        source = entry.get("MessageAttributes", {}).get("source_message_id")
        if source and str(position) not in refused:
            yield source["StringValue"]
