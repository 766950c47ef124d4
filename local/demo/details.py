"""The demo's ends with details: what the org's analytics have of a feed's conversations."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.demo.details_report import DetailsReport
from local.demo.feed import CYCLE, Body, Feed, conversation_id_of
from local.genesys.analytics import Analytics

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "analytics": {"details": "analytics", "details_wait_seconds": 2},
}
"""The settings of the stack, keyed by the setting `details`."""
MISSING = 6
"""The position in a cycle of conversations of the one that the analytics never have."""
LATE_EVERY, LAG_SECONDS = 3, 1.5
"""Of so many conversations in our queues, the analytics have one late: by less than the worker
waits before it asks again."""


def add_details(feed: Feed, analytics: Analytics) -> None:
    """Let a feed add its conversations to the analytics, each with its first event.

    The analytics have some conversations late, and some never. The feed's report gets a report on
    the details.
    """
    ids = list(dict.fromkeys(conversation_id for conversation_id, _ in feed.expected))
    late, withheld = frozenset(ids[::LATE_EVERY]), frozenset(ids[MISSING::CYCLE])
    added: set[str] = set()

    def add(events: Sequence[Body]) -> None:
        for event in events:
            conversation_id = conversation_id_of(event)
            if conversation_id not in added:
                added.add(conversation_id)
                lag_seconds = LAG_SECONDS if conversation_id in late else 0
                analytics.add(feed.analytics_of(event), lag_seconds=lag_seconds)

    analytics.withheld |= withheld
    feed.before_publishing = add
    missing = sum(n for (id_, _), n in feed.expected.items() if id_ in withheld)
    feed.report.details = DetailsReport(withheld, missing)
