"""The search survives interruptions: nothing is lost, and nothing is delivered twice."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from backfill.expected_ends import CONVERSATION
from backfill.known_ends import LedgerUnreadable
from backfill.requests import MAX_ATTEMPTS
from backfill.search import NO_TIME, TOO_LONG, TOO_MANY, UNREADABLE, Findings, SendFailed, make_body
from backfill.windows import DAY_MS, Position, Window
from conversations.parsed import Accepted
from genesys.conversation_search import MAX_PAGES
from genesys.errors import GenesysError
from intake.delayed_ends import parse_delayed_body
from local.genesys.conversation_search import PERMISSION
from local.genesys.limits import DOWN
from local.genesys.problems import too_many_requests
from local.http.messages import Answer
from local.traffic.subscription import OUR_QUEUES
from tests.bodies import ENDED
from tests.fakes.aws.dynamodb import client_error
from tests.fakes.aws.sqs import client_error as sqs_error
from tests.unit.backfill.conftest import (
    DAY_SECONDS,
    End,
    World,
    at_ms,
    end_in,
    expected_of,
    make_conversations,
    unmatched,
)

SEND = "send_message_batch"
Make = Callable[[str], World]


@pytest.fixture
def lost(make: Make) -> World:
    """A world in which no event of three days has arrived."""
    world = make(CONVERSATION)
    world.know(CONVERSATIONS)
    world.clock.now = 4 * DAY_SECONDS
    return world


CONVERSATIONS = make_conversations(5, 250)


def deliver_and_check(world: World) -> list[End]:
    """Deliver what was sent; check that each end comes once, and that none is missing."""
    sent = [end_in(body) for body in world.drain()]
    delivered, expected = world.delivered(), expected_of(world, CONVERSATIONS)
    assert len({*delivered}) == len(delivered) == len(expected)
    assert unmatched(expected, delivered) == []
    assert world.dynamodb.mistakes() == []
    return sent


def test_a_run_that_is_interrupted_after_any_page_is_resumed(lost: World) -> None:
    pages: list[Position | None] = []
    all_ends = lost.search(sends=False, on_page=lambda _, position: pages.append(position))
    assert all_ends.is_complete
    assert pages[-1] is None
    window = Window(lost.now_ms() - 10 * DAY_MS, lost.now_ms(), max_age_ms=3 * DAY_MS)
    next_position: list[Position | None] = [None]
    found = 0
    for _ in pages:

        def stop(findings: Findings, position: Position | None) -> None:
            next_position[0] = position
            if position:
                raise KeyboardInterrupt

        try:
            found += len(lost.search(window=window, start=next_position[0], on_page=stop).missing)
        except KeyboardInterrupt:
            continue
    assert next_position == [None]
    sent = deliver_and_check(lost)
    assert len(sent) == len(all_ends.missing)


def test_a_search_without_time_says_so_and_can_go_on(lost: World) -> None:
    reached: list[Position | None] = []
    findings = lost.search(seconds=12, on_page=lambda _, position: reached.append(position))
    assert not findings.is_finished
    assert [*findings.problems] == [NO_TIME]
    assert lost.search(start=reached[-1]).is_complete
    deliver_and_check(lost)


def test_requests_are_at_most_two_a_second(lost: World) -> None:
    lost.search()
    times = [search.time for search in lost.genesys.analytics.search.searches]
    assert len(times) > 10
    assert min(later - time for time, later in itertools.pairwise(times)) >= 0.5


def test_the_search_waits_as_long_as_genesys_cloud_asks_and_pauses_all_requests(
    lost: World,
) -> None:
    lost.genesys.instead("search", too_many_requests(37))
    assert lost.search().is_complete
    first, second = [c.time for c in lost.genesys.calls if c.operation == "search"][:2]
    assert second - first >= 37
    assert any(
        call.entries[0]["UpdateExpression"].endswith(":later")
        for call in lost.dynamodb.calls
        if call.operation == "update_item"
    )
    deliver_and_check(lost)


def test_a_rate_limit_below_the_pace_is_kept(lost: World) -> None:
    lost.genesys.rate_limit = 20
    assert lost.search().is_complete
    deliver_and_check(lost)


def test_an_outage_ends_the_search_and_nothing_is_lost(lost: World) -> None:
    lost.genesys.outage = DOWN
    with pytest.raises(GenesysError) as caught:
        lost.search()
    assert caught.value.status == 503
    lost.genesys.outage = None
    assert lost.search().is_complete
    deliver_and_check(lost)


def test_a_missing_permission_is_not_tried_again(lost: World) -> None:
    lost.genesys.analytics.permissions = ()
    with pytest.raises(GenesysError, match=PERMISSION):
        lost.search()
    assert lost.clock.now == pytest.approx(4 * DAY_SECONDS, abs=MAX_ATTEMPTS)


def test_an_unreadable_ledger_stops_the_search_before_it_sends(lost: World) -> None:
    lost.dynamodb.always("batch_get_item", client_error("AccessDeniedException"))
    with pytest.raises(LedgerUnreadable):
        lost.search(seconds=60)
    assert lost.sqs.delayed == []
    lost.dynamodb.no_more_faults()
    assert lost.search().is_complete
    deliver_and_check(lost)


def test_a_lost_answer_of_the_queue_repeats_the_page(lost: World) -> None:
    def send_and_lose() -> None:
        [*_, call] = lost.sqs.calls
        lost.sqs.delayed += call.entries
        raise ReadTimeoutError(endpoint_url="sqs")

    lost.sqs.script(SEND, None, send_and_lose)
    findings = lost.search()
    assert findings.is_complete
    sent = deliver_and_check(lost)
    assert len(sent) == findings.sent + 10


def test_messages_that_the_queue_refuses_are_sent_again(lost: World) -> None:
    lost.sqs.script(SEND, [0, 3], EndpointConnectionError(endpoint_url="sqs"), [1])
    findings = lost.search()
    assert (findings.is_complete, findings.sent) == (True, len(findings.missing))
    assert len(deliver_and_check(lost)) == findings.sent


def test_a_queue_that_takes_no_message_stops_the_search(lost: World) -> None:
    lost.sqs.always(SEND, sqs_error("AccessDenied"))
    pages: list[Position | None] = []
    with pytest.raises(SendFailed):
        lost.search(on_page=lambda findings, _: pages.append(None) if findings.missing else None)
    assert pages == []


def test_a_report_sends_nothing_and_finds_the_same(lost: World) -> None:
    report = lost.search(sends=False)
    assert (report.sent, lost.sqs.delayed) == (0, [])
    assert lost.search().missing == report.missing


@pytest.mark.parametrize("by_day", [False, True])
@pytest.mark.parametrize("shows_total", [True, False])
def test_more_results_than_genesys_cloud_shows_are_read_in_smaller_intervals(
    lost: World, monkeypatch: pytest.MonkeyPatch, *, by_day: bool, shows_total: bool
) -> None:
    limit_results(lost, monkeypatch)
    lost.genesys.analytics.search.by_day = by_day
    lost.genesys.analytics.search.shows_total = shows_total
    findings = lost.search(sends=not by_day)
    assert findings.is_finished
    assert findings.is_complete is not by_day
    if by_day:
        assert [*findings.problems] == [TOO_MANY]
        assert 0 < len(findings.missing) < len(expected_of(lost, CONVERSATIONS))
        assert len(lost.genesys.analytics.search.searches) < 300
    else:
        deliver_and_check(lost)


def limit_results(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Genesys Cloud show only 40 results of a search, in pages of ten."""
    world.genesys.analytics.search.max_results = 40
    monkeypatch.setattr("genesys.conversation_search.PAGE_SIZE", 10)
    monkeypatch.setattr("backfill.search.MAX_RESULTS", 40)
    monkeypatch.setattr("backfill.search.MAX_PAGES", 4)
    monkeypatch.setattr("backfill.search._MANY", 41)
    assert MAX_PAGES == 1000


def test_conversations_that_arrive_during_the_search_disturb_nothing(lost: World) -> None:
    late = make_conversations(6, 100)

    def arrive(findings: Findings, _: Position | None) -> None:
        if findings.pages == 1:
            lost.know(late)

    lost.search(on_page=arrive)
    lost.search()
    lost.drain()
    delivered, expected = lost.delivered(), expected_of(lost, [*CONVERSATIONS, *late])
    assert len({*delivered}) == len(delivered) == len(expected)


def test_a_conversation_in_another_form_makes_the_search_incomplete(lost: World) -> None:
    lost.genesys.analytics.add(
        {
            "conversationId": "odd",
            "conversationStart": "2026-11-23T11:00:00Z",
            "participants": [
                {"sessions": [{"mediaType": 7, "segments": [{"queueId": OUR_QUEUES[0]}]}]}
            ],
        }
    )
    findings = lost.search()
    assert [*findings.problems] == [UNREADABLE]
    deliver_and_check(lost)


@pytest.mark.parametrize("conversation_id", ["odd", "x" * 5000, "\u202e", OUR_QUEUES[0] + "\n"])
def test_a_conversation_whose_id_is_no_uuid_makes_the_search_incomplete(
    lost: World, conversation_id: str
) -> None:
    one = dict(next(lost.genesys.analytics.known_conversations()))
    lost.genesys.analytics.add(one | {"conversationId": conversation_id})
    findings = lost.search(sends=False)
    assert [*findings.problems] == [UNREADABLE]
    assert conversation_id not in {end.conversation_id for end in findings.missing}


def test_a_page_that_is_too_long_is_left_out_and_makes_the_search_incomplete(lost: World) -> None:
    lost.genesys.instead("search", Answer(200, b"[" + b"5," * 700_000 + b"5]"))
    findings = lost.search()
    assert [*findings.problems] == [TOO_LONG]
    assert findings.is_finished
    assert findings.missing


def test_pages_without_an_end_end_with_the_last_page_that_genesys_cloud_shows(
    lost: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfill.search.MAX_PAGES", 2)
    one = dict(next(lost.genesys.analytics.known_conversations()))
    lost.genesys.always("search", Answer(200, {"conversations": [one]}))
    now = lost.now_ms()
    findings = lost.search(sends=False, window=Window(now - DAY_MS, now, max_age_ms=DAY_MS))
    assert [*findings.problems] == [TOO_MANY]
    assert findings.is_finished


def test_a_time_beyond_the_calendar_is_left_out_of_a_message(lost: World) -> None:
    end = lost.search(sends=False).missing[0]
    body = make_body(replace(end, conversation_end_ms=253_402_300_800_000))
    assert json.loads(body)["queueEndsDelayedEnd"]["event"]["conversationEnd"] is None


def test_a_message_holds_nothing_but_ids_times_and_words(lost: World) -> None:
    findings = lost.search(sends=False)
    body = make_body(findings.missing[0])
    message = json.loads(body)["queueEndsDelayedEnd"]
    assert message["participants"] == message["metrics"] == []
    assert {*message["event"]} == {
        "conversationId",
        "conversationStart",
        "conversationEnd",
        "queueId",
    }
    accepted = parse_delayed_body(body, OUR_QUEUES)
    assert isinstance(accepted, Accepted)
    assert accepted.end.source == "backfill"
    assert (accepted.details_attempts, accepted.has_own_time) == (0, True)
    assert accepted.end.queue_name is None
    assert accepted.ended_at_ms >= at_ms(ENDED)


def test_ends_outside_of_the_window_are_not_looked_for(lost: World) -> None:
    all_ends = lost.search(sends=False)
    until = sorted(end.ended_at_ms for end in all_ends.missing)[100]
    since = at_ms(ENDED)
    before = lost.search(sends=False, window=Window(since, until, max_age_ms=3 * DAY_MS))
    after = lost.search(sends=False, window=Window(until, lost.now_ms(), max_age_ms=3 * DAY_MS))
    assert all(end.ended_at_ms < until for end in before.missing)
    assert all(end.ended_at_ms >= until for end in after.missing)
    assert {*before.missing, *after.missing} == {*all_ends.missing}
