"""The backfill of a chaos run: the watchdog finds the ends that were missed."""

from collections.abc import Callable

from local.chaos.source.traffic import Traffic
from local.chaos.source.watchdog import Watchdog
from local.genesys.analytics import Analytics

MAX_RUNS = 20
"""The most runs of the watchdog for a backfill."""


class Recovery:
    """A backfill of the whole time of the traffic."""

    def __init__(self, watchdog: Watchdog, analytics: Analytics) -> None:
        self._watchdog, self._analytics = watchdog, analytics

    def add_conversations(self, traffic: Traffic) -> None:
        """Add the conversations of the traffic to the analytics."""
        for conversation_id in {event.conversation_id for event in traffic.events}:
            self._analytics.add(traffic.analytics_of(conversation_id))

    def run(self, meanwhile: Callable[[], object]) -> int:
        """Run the backfill to its end, and return the number of ends that it sent."""
        return 0
