"""An end that the worker has claimed, and what has become of it."""

from dataclasses import dataclass, field

from conversations.claim import Claim
from conversations.end import ConversationEnd
from worker.messages import Message


@dataclass(slots=True)
class ClaimedEnd:
    """An end to deliver, and the messages that report it.

    Attributes
    ----------
    end
        The end as destinations get it, with the sequence, the id and the time from the ledger.
    has_own_time, details_attempts
        As in `Accepted`.
    failures
        The details of failed attempts, keyed by destination name. A retry may succeed.
    refusals
        The details of refused attempts, keyed by destination name. No retry can succeed.
    untried_destinations
        The names of destinations that the end was not sent to, because no time was left.
    is_crowded_out
        Whether the end is among `failures` only because other ends took a destination's time.
    mark_error
        The latest mark's error; empty if there is none.
    claim_lost
        Whether another invocation has taken over the end.
    done
        Whether the ledger has recorded that every destination has the end.
    """

    claim: Claim
    end: ConversationEnd
    has_own_time: bool = True
    details_attempts: int = 0
    messages: list[Message] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    untried_destinations: list[str] = field(default_factory=list)
    is_crowded_out: bool = False
    mark_error: str = ""
    claim_lost: bool = False
    done: bool = False
