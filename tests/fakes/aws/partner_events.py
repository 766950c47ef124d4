"""Amazon EventBridge in memory: an account's partner event sources and their states."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.clock import Clock

NEVER = float("inf")


@dataclass
class Source:
    """A partner event source, with the times at which AWS shows it and at which it is active."""

    visible_at: float
    active_at: float = NEVER
    deleted: bool = False


class FakePartnerEventSources:
    """Partner event sources by name, in the time of a virtual clock.

    Attributes
    ----------
    appears_after_seconds, active_after_seconds
        Seconds from the creation of a source until AWS shows it, and from the creation of its bus
        until the source is active; may be `NEVER`.
    next_failures
        The failures of the next calls: exceptions, or AWS error codes.
    permanent_failure
        The failure of each call after those; None for success.
    requested_names
        The names in all calls so far.
    """

    def __init__(self, clock: Clock) -> None:
        self.appears_after_seconds = 3.0
        self.active_after_seconds = 1.0
        self.next_failures: deque[str | Exception] = deque()
        self.permanent_failure: str | Exception | None = None
        self.requested_names: list[str] = []
        self.sources: dict[str, Source] = {}
        self._clock = clock

    def create_source(self, name: str) -> None:
        """Create a source as the partner does, unless it exists."""
        source = self.sources.get(name)
        if not source or source.deleted:
            self.sources[name] = Source(self._clock.now + self.appears_after_seconds)

    def delete_source(self, name: str) -> None:
        """Delete a source as the partner does; a source with a bus remains, with state DELETED."""
        source = self.sources.get(name)
        if source and source.active_at == NEVER:
            del self.sources[name]
        elif source:
            source.deleted = True

    def create_bus(self, name: str) -> None:
        """Create a source's event bus."""
        assert self._clock.now >= self.sources[name].visible_at, (
            "AWS refuses a bus before its source"
        )
        self.sources[name].active_at = self._clock.now + self.active_after_seconds

    def delete_bus(self, name: str) -> None:
        """Delete a source's event bus."""
        self.sources[name].active_at = NEVER

    def describe_event_source(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.requested_names.append(Name)
        failure = self.next_failures.popleft() if self.next_failures else self.permanent_failure
        if isinstance(failure, Exception):
            raise failure
        if failure:
            raise _client_error(failure)
        source = self.sources.get(Name)
        if not source or self._clock.now < source.visible_at:
            raise _client_error("ResourceNotFoundException")
        state = "ACTIVE" if self._clock.now >= source.active_at else "PENDING"
        return {
            "Arn": f"arn:aws:events:eu-west-1::event-source/{Name}",
            "CreatedBy": "genesys.com",
            "Name": Name,
            "State": "DELETED" if source.deleted else state,
        }


def _client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "DescribeEventSource")
