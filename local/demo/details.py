"""Adds a feed's conversations to the org's analytics, so that the demo's ends have details."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.demo.details_report import DetailsReport
from local.demo.feed import CYCLE, Body, Feed, conversation_id_of
from local.genesys.analytics import Analytics

ATTEMPTS = 3
"""How often the worker asks for the details of an end."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "analytics": {"details": "analytics", "details_wait_seconds": 2, "details_attempts": ATTEMPTS},
}
"""The settings of the stack, keyed by the setting `details`."""
MISSING = 6
"""The analytics never have the conversation at this position of a cycle."""
LATE_EVERY = 3
"""One in so many conversations is missing in the first answer to a request for it."""


def add_details(feed: Feed, analytics: Analytics) -> None:
    """Let a feed add its conversations to the analytics, each with its first event.

    Some conversations are missing in the first answer to a request for them, and some in all. The
    feed's report gets a report on the details.
    """
    ids = list(dict.fromkeys(conversation_id for conversation_id, _ in feed.expected))
    late, withheld = frozenset(ids[::LATE_EVERY]), frozenset(ids[MISSING::CYCLE])
    late -= withheld
    added: set[str] = set()

    def add(events: Sequence[Body]) -> None:
        for event in events:
            conversation_id = conversation_id_of(event)
            if conversation_id not in added:
                added.add(conversation_id)
                analytics.add(feed.analytics_of(event))

    def select(ids: Sequence[str]) -> Sequence[str]:
        return [each for each in ids if each not in late or analytics.asked_count(each) > 1]

    analytics.withheld |= withheld
    analytics.select = select
    feed.before_publishing = add
    missing = sum(n for (id_, _), n in feed.expected.items() if id_ in withheld)
    waits = len(late) + missing * (ATTEMPTS - 1)
    feed.report.details = DetailsReport(withheld, missing, waits)
