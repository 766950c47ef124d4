"""The demo with details: what the analytics have, and what its report says of the ends."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from local.demo.details import add_details
from local.demo.details_report import DetailsReport
from local.demo.eventbridge import eventbridge_feed
from local.demo.feed import Feed, Send
from local.demo.report import PartnerRunReport, RunReport
from local.demo.subscription import subscription_feed
from local.genesys.analytics import DETAILS, Analytics
from local.http.messages import Request
from tests.fakes.clock import Clock

FEEDS = pytest.mark.parametrize("feed_of", [subscription_feed, eventbridge_feed])
FeedOf = Callable[[Send, int, int], Feed]


def published(feed_of: FeedOf) -> tuple[Feed, Analytics]:
    """Publish a feed; return it and the org's analytics."""
    analytics = Analytics(Clock())
    feed = feed_of(lambda events: [[] for _ in events], 5, 90)
    add_details(feed, analytics)
    for _ in feed.publish():
        pass
    return feed, analytics


def known(analytics: Analytics, *ids: str) -> dict[str, Any]:
    """Return the conversations that analytics have now, keyed by id."""
    answer = analytics.answer("details", Request("GET", f"{DETAILS}?id={','.join(ids)}"))
    return {one["conversationId"]: one for one in answer.body["conversations"]}


@FEEDS
def test_analytics_have_each_conversation_but_for_late_and_withheld_ones(feed_of: FeedOf) -> None:
    feed, analytics = published(feed_of)
    assert feed.report.details
    ids = list({conversation_id for conversation_id, _ in feed.expected})
    analytics.max_ids = len(ids)

    at_once = known(analytics, *ids)
    later = known(analytics, *ids)

    assert 0 < len(at_once) < len(later)
    assert feed.report.details.waits >= len(later) - len(at_once)
    assert later.keys() == {*ids} - {*feed.report.details.withheld}


@FEEDS
def test_the_report_expects_the_ends_of_withheld_conversations_without_details(
    feed_of: FeedOf,
) -> None:
    feed, _ = published(feed_of)
    details = feed.report.details
    assert details
    missing = {end: n for end, n in feed.expected.items() if end[0] in details.withheld}
    assert details.missing == sum(missing.values()) > 0
    refused = {*feed.refusals.by_crm, *feed.refusals.by_webhook}
    assert refused.isdisjoint(details.withheld)


@FEEDS
def test_a_feed_without_details_has_no_report_on_them(feed_of: FeedOf) -> None:
    feed = feed_of(lambda events: [[] for _ in events], 5, 90)
    assert feed.report.details is None
    assert not any("analytics" in line for line in feed.report.table().splitlines())


def end(conversation_id: str, details: str = "complete", **fields: Any) -> dict[str, Any]:
    """Return an end of a conversation as a destination has it."""
    participants = [
        {"participant_id": "p1", "purpose": "customer", "wrapup_codes": []},
        {"participant_id": "p2", "purpose": "agent", "wrapup_codes": ["w1"]},
    ]
    return {
        "conversation_id": conversation_id,
        "end_id": f"end of {conversation_id}",
        "details": details,
        "participants": participants,
        "metrics": [{"name": "tHandle", "value": 280_254}, {"name": "tTalk", "value": 1}],
        **fields,
    }


def details_report(*ends: dict[str, Any]) -> DetailsReport:
    return DetailsReport(
        withheld={"c2"},
        missing=1,
        waits=4,
        arrived={"the CRM": ends or [end("c1"), end("c2", "missing")]},
        request_count=3,
        id_count=5,
        delayed=4,
    )


def test_details_as_expected_balance() -> None:
    assert all(details_report().checks().values())


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param([end("c1", "missing"), end("c2", "missing")], id="details were not found"),
        pytest.param([end("c1"), end("c2")], id="details came from nowhere"),
        pytest.param([end("c1", "none"), end("c2", "missing")], id="nobody asked"),
        pytest.param([end("c1")], id="an end without details did not arrive"),
        pytest.param(
            [end("c1", participants=[{"name": "Kim"}]), end("c2", "missing")], id="a name"
        ),
    ],
)
def test_details_that_are_not_as_expected_do_not_balance(ends: list[dict[str, Any]]) -> None:
    assert not all(details_report(*ends).checks().values())


def test_an_end_that_did_not_wait_for_its_details_does_not_balance() -> None:
    report = details_report()
    report.delayed -= 1
    assert not all(report.checks().values())


def balanced_with_details() -> RunReport:
    """Return a balanced report of two ends and a repeat, of which three messages waited."""
    return RunReport(
        published=3,
        repeated=1,
        expected=Counter({"processed": 2, "ended": 2, "duplicate": 1}),
        logged=Counter(
            {
                "received": 7,
                "processed": 2,
                "ended": 2,
                "ignored": 5,
                "ignored.awaiting_details": 5,
            }
        ),
        arrived={"the CRM": [1, 1]},
        details=details_report(),
    )


def test_messages_that_the_worker_sent_to_itself_are_accounted_for() -> None:
    report = balanced_with_details()
    assert all(report.checks().values()), report.checks()

    # The repeat may come when its end is done.
    report.logged.update({"duplicate": 1, "ignored": -1, "ignored.awaiting_details": -1})
    assert all(report.checks().values()), report.checks()


@pytest.mark.parametrize("change", [{"received": -1, "ignored": -1}, {"received": 1, "failed": 1}])
def test_a_delayed_message_that_was_lost_or_failed_does_not_balance(change: dict[str, int]) -> None:
    report = balanced_with_details()
    report.logged.update(change)
    assert not all(report.checks().values())


def test_without_details_no_end_may_wait() -> None:
    report = balanced_with_details()
    report.details = None
    assert not all(report.checks().values())


@pytest.mark.parametrize("kind", [RunReport, PartnerRunReport])
def test_the_table_has_the_figures_of_details(kind: type[RunReport]) -> None:
    table = kind(details=details_report()).table()
    assert all(len(line) <= 78 for line in table.splitlines())
    rows = {
        label.strip(): int(n) for label, _, n in (r.rpartition(" ") for r in table.splitlines())
    }
    found = {label.rstrip("."): n for label, n in rows.items()}
    assert found["the CRM: ends with details"] == 1
    assert found["the CRM: ends without"] == 1
    assert found["requests to the analytics"] == 3
    assert found["conversations that they asked for"] == 5
    assert found["sent by the worker to itself, to ask again"] == 4


def test_the_example_is_an_end_with_details_and_without_its_event() -> None:
    whole = end("c1", raw={"eventType": "x"})
    simple = {**whole, "participants": whole["participants"][1:], "conversation_id": "c3"}
    example = details_report(end("c2", "missing"), whole, simple).example()
    assert json.loads(example) == {n: v for n, v in simple.items() if n != "raw"}
    assert '"wrapup_codes": ["w1"]' in example
    assert '{"name": "tHandle", "value": 280254}' in example


def test_without_a_complete_end_there_is_no_example() -> None:
    assert "no end" in details_report(end("c2", "missing")).example()
