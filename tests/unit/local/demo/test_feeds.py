"""The demo's feeds publish the events that their reports expect, in both deliveries."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from local.demo.deliveries import DELIVERIES
from local.demo.eventbridge import eventbridge_feed
from local.demo.feed import BURST, UNWANTED, Feed, Send
from local.demo.subscription import subscription_feed
from local.traffic.end_rules import derive_ends
from local.traffic.eventbridge import partner_conversations
from local.traffic.subscription import OUR_QUEUES


class Org:
    """A Genesys Cloud that records published events and filters those of other queues."""

    def __init__(self) -> None:
        self.published: list[Mapping[str, Any]] = []
        self.filtered = 0

    def publish(self, events: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        queues = [
            event["attributes"]["queueId"]
            if "attributes" in event
            else event["detail"]["eventBody"].get("queueId")
            for event in events
        ]
        self.published += events
        self.filtered += sum(queue_id not in OUR_QUEUES for queue_id in queues)
        return [["us"] if queue_id in OUR_QUEUES else [] for queue_id in queues]


FEEDS = pytest.mark.parametrize("feed_of", [subscription_feed, eventbridge_feed])
FeedOf = Callable[[Send, int, int], Feed]


@FEEDS
@pytest.mark.parametrize("count", [1, 90])
def test_a_feed_publishes_as_many_events_as_its_report_says(feed_of: FeedOf, count: int) -> None:
    org = Org()
    feed = feed_of(org.publish, 5, count)

    for _ in feed.publish():
        pass
    feed.publish_repeats()

    assert len(org.published) == feed.report.published
    assert feed.report.direct_messages == len(feed.direct_messages)
    assert feed.report.filtered == org.filtered
    assert feed.published_at.keys() >= feed.expected.keys()
    assert feed.repeated_ends <= feed.expected.keys()


@FEEDS
def test_a_feed_has_repeats_refusals_unwanted_events_and_rejects(feed_of: FeedOf) -> None:
    feed = feed_of(Org().publish, 5, 90)
    expected = feed.report.expected

    assert feed.repeated_ends
    assert feed.refusals.by_crm
    assert feed.refusals.by_webhook
    assert expected["failed.destination"] > 0
    assert expected["ignored.other_queue"] == expected["ignored.other_event_type"] == UNWANTED
    assert expected["rejected.not_json"] > 0
    assert expected["ended"] == feed.expected.total() > 0
    assert 0 < feed.report.repeated < feed.report.published


def test_the_published_events_of_each_conversation_make_up_the_expected_ends() -> None:
    org = Org()
    feed = eventbridge_feed(org.publish, 5, 90)

    for _ in feed.publish():
        pass

    ends: Counter[tuple[str, str]] = Counter()
    ids = {event["detail"]["eventBody"]["conversationId"] for event in org.published}
    for one in ids:
        events = [e for e in org.published if e["detail"]["eventBody"]["conversationId"] == one]
        ends.update(
            (one, end.queue_id) for end in derive_ends("touched", [[e] for e in events], OUR_QUEUES)
        )
    assert ends == feed.expected


def test_an_end_is_published_with_the_burst_that_completes_it() -> None:
    feed = eventbridge_feed(Org().publish, 5, 90)
    seeds = range(5_000_000, 5_000_000 + BURST)
    first = {one.id for seed in seeds for one in partner_conversations(seed, 1, any_order=True)}
    of_first = {end for end in feed.expected if end[0] in first}
    bursts = feed.publish()

    next(bursts)
    before = dict(feed.published_at)
    next(bursts)

    assert before.keys() < of_first < feed.published_at.keys()
    assert all(
        feed.published_at[end] == at for end, at in before.items() if feed.expected[end] == 1
    )


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_second_deploy_of_a_delivery_changes_settings_of_the_first(name: str) -> None:
    delivery = DELIVERIES[name]
    assert delivery.settings["delivery"] == name
    assert all(delivery.settings[key] != value for key, value in delivery.changed_settings.items())
