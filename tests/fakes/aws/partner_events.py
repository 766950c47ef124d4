"""Amazon EventBridge in memory: the partner event sources of an account, and their states."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.clock import Clock

NEVER = float("inf")


@dataclass
class Source:
    """A partner event source: there from a moment on, with a bus from another one on."""

    there_at: float
    active_at: float = NEVER
    deleted: bool = False


class FakePartnerEventSources:
    """Partner event sources by name; time is a virtual clock's.

    Attributes
    ----------
    appears_after, active_after
        Seconds from when the partner makes a source until AWS shows it, and from when its bus is
        made until it is active; `NEVER`: it stays as it is.
    failures
        Raised by the next calls, one each; a text is an error's code.
    failing
        Raised by every call after those, where set.
    asked
        The names that were asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self.appears_after = 3.0
        self.active_after = 1.0
        self.failures: deque[str | Exception] = deque()
        self.failing: str | Exception | None = None
        self.asked: list[str] = []
        self.sources: dict[str, Source] = {}
        self._clock = clock

    def partner_makes(self, name: str) -> None:
        """Have the partner make a source, unless it is there."""
        there = self.sources.get(name)
        if not there or there.deleted:
            self.sources[name] = Source(self._clock.now + self.appears_after)

    def partner_deletes(self, name: str) -> None:
        """Have the partner delete a source; one with a bus is shown as DELETED from then on."""
        source = self.sources.get(name)
        if source and source.active_at == NEVER:
            del self.sources[name]
        elif source:
            source.deleted = True

    def make_bus(self, name: str) -> None:
        """Make the event bus of a source."""
        assert self._clock.now >= self.sources[name].there_at, "AWS refuses a bus made too early"
        self.sources[name].active_at = self._clock.now + self.active_after

    def delete_bus(self, name: str) -> None:
        """Delete the event bus of a source."""
        self.sources[name].active_at = NEVER

    def describe_event_source(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.asked.append(Name)
        failure = self.failures.popleft() if self.failures else self.failing
        if isinstance(failure, Exception):
            raise failure
        if failure:
            raise _refusal(failure)
        source = self.sources.get(Name)
        if not source or self._clock.now < source.there_at:
            raise _refusal("ResourceNotFoundException")
        state = "ACTIVE" if self._clock.now >= source.active_at else "PENDING"
        return {
            "Arn": f"arn:aws:events:eu-west-1::event-source/{Name}",
            "CreatedBy": "genesys.com",
            "Name": Name,
            "State": "DELETED" if source.deleted else state,
        }


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "DescribeEventSource")
