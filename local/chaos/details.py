"""Chaos in Genesys Cloud's analytics, and the account of the details of ends."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from intake.delayed_ends import BODY_PREFIX
from local.chaos.calls import CallLog
from local.chaos.faults import Faults
from local.chaos.plan import ANALYTICS, ANSWERS_OF_ANALYTICS
from local.chaos.source.traffic import Traffic
from local.genesys.analytics import DETAILS, half
from local.genesys.limits import DOWN, PER_MINUTE
from local.genesys.problems import too_many_requests
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.runs.report import row

ATTEMPTS = 3
"""How often the worker asks for the details of an end."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "analytics": {"details": "analytics", "details_wait_seconds": 3, "details_attempts": ATTEMPTS},
}
"""The settings of the stack, keyed by the setting `details`."""
LAG_SECONDS = 1.5
"""Seconds from the first message about a conversation until the analytics have it. Every second
conversation is there at once."""
RETRY_AFTER_SECONDS = 2


class ChaoticAnalytics:
    """Analytics that have some conversations late, with faults on some requests and answers.

    The org's rate limit is on. The worker should stay below it.
    """

    def __init__(self, genesys: GenesysCloud, faults: Faults, traffic: Traffic) -> None:
        self._waiting = {event.conversation_id for event in traffic.events}
        self._analytics_of = traffic.analytics_of
        self._genesys, self._analytics = genesys, genesys.analytics
        self._lags = cycle((LAG_SECONDS, 0.0))
        self._analytics.select = self._select
        self._faults = faults
        genesys.rate_limit = PER_MINUTE
        genesys.server.intercept = self._strike

    @property
    def answered_requests(self) -> int:
        """The number of requests that the analytics answered."""
        return len(self._analytics.asks)

    @property
    def requests_over_limit(self) -> int:
        """The number of the worker's requests that were refused because of the org's rate limit."""
        return sum(
            call.status == 429 for call in self._genesys.calls if call.operation == "details"
        )

    def add(self, conversation_id: str) -> None:
        """Add a conversation when its first event is published."""
        if conversation_id in self._waiting:
            self._waiting.remove(conversation_id)
            conversation = self._analytics_of(conversation_id)
            self._analytics.add(conversation, lag_seconds=next(self._lags))

    def _strike(self, request: Request) -> Answer | None:
        if request.path != DETAILS:
            return None
        match self._faults.strike(ANALYTICS):
            case "rate limited":
                return too_many_requests(RETRY_AFTER_SECONDS)
            case "down":
                return DOWN
            case "connection dropped":
                return Answer(fate="lost")
        return None

    def _select(self, ids: Sequence[str]) -> Sequence[str]:
        # Half of one conversation is that conversation, which would be no fault.
        is_struck = len(ids) > 1 and self._faults.strike(ANSWERS_OF_ANALYTICS)
        return half(ids) if is_struck else ids


@dataclass(slots=True)
class DetailsAccount:
    """The details of the ends in a run's report.

    Attributes
    ----------
    arrived
        Keyed by destination: how many ends arrived with each value of `details`.
    calls
        The calls of worker processes that the proxy recorded.
    answered_requests, requests_over_limit
        The number of requests that the analytics answered, and the number of those that were
        refused because of the org's rate limit.
    """

    arrived: Mapping[str, Counter[str]] = field(default_factory=dict)
    calls: CallLog = field(default_factory=CallLog)
    answered_requests: int = 0
    requests_over_limit: int = 0

    def waits(self) -> Counter[int]:
        """Return how many messages the worker sent to itself, keyed by the number of attempts."""
        bodies = (
            entry["MessageBody"]
            for call in self.calls.of("SendMessageBatch")
            for entry in call.request["Entries"]
        )
        return Counter(
            json.loads(body)["queueEndsDelayedEnd"]["attempts"]
            for body in bodies
            if body.startswith(BODY_PREFIX)
        )

    def checks(self) -> dict[str, bool]:
        """Return whether each check holds, keyed by its description."""
        return {
            "every end arrived with its details, or without after its attempts": all(
                counts.keys() <= {"complete", "missing"} for counts in self.arrived.values()
            ),
            "some ends arrived with their details": all(
                counts["complete"] for counts in self.arrived.values()
            ),
            "some ends waited, and none more often than its attempts allow": (
                0 < max(self.waits(), default=0) < ATTEMPTS
            ),
            "the worker stayed below Genesys Cloud's rate limit": self.requests_over_limit == 0,
        }

    def rows(self) -> list[str]:
        """Return the rows of the report's table."""
        return [
            row("requests that the analytics answered", self.answered_requests),
            *(
                row(f"messages of the worker to itself, attempt {attempts}", count)
                for attempts, count in sorted(self.waits().items())
            ),
            *(
                row(f"arrivals at {name}, details {kind}", count)
                for name, counts in self.arrived.items()
                for kind, count in sorted(counts.items())
            ),
        ]
