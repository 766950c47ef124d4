"""The interface of the request slots, which space the requests of all invocations."""

from typing import Protocol

from deadline import Deadline

# Genesys Cloud allows an OAuth client 300 requests a minute. The rest is for the watchdog, the
# provisioner and the logins.
REQUESTS_PER_MINUTE = 240
SLOT_MS = 60_000 // REQUESTS_PER_MINUTE
# So many requests may follow one another at once after a time without requests. A minute therefore
# has at most REQUESTS_PER_MINUTE + BURST requests.
BURST = 20


class RequestSlots(Protocol):
    """Slots in time, each for one request of one invocation."""

    def take(self, deadline: Deadline) -> bool:
        """Take the next slot and wait for it; return False if no slot comes before the deadline."""

    def pause(self, seconds: float, deadline: Deadline) -> None:
        """Let no slot come for some seconds, in any invocation."""
