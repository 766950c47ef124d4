"""The passes resume where an earlier run has stopped, and two runs do not disturb each other."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from backfill.cursor import Cursor, CursorMoved
from backfill.expected_ends import CONVERSATION, settle_ms
from backfill.passes import MAX_BEHIND_MS, PASSES, run_pass
from backfill.table_cursors import TableCursors
from backfill.windows import DAY_MS, MINUTE_MS, Position
from local.traffic.analytics import analytics_of
from local.traffic.eventbridge import Conversation
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Clock
from tests.unit.backfill.conftest import (
    DAY_SECONDS,
    World,
    expected_of,
    make_conversations,
    unmatched,
)

RECENT, OLD = "recent", "old"
UPDATE = "update_item"
POSITION = Position(1, 2, 3, 4, is_final=True)
Make = Callable[[str], World]


@pytest.fixture
def stack(make: Make) -> World:
    """A stack that was just deployed: the first run has created the cursors."""
    world = make(CONVERSATION)
    assert world.run_passes() == []
    return world


def cursor_of(world: World, name: str) -> Cursor:
    cursor = world.cursors.read(name, world.clock.deadline(9))
    assert cursor
    return cursor


def run_after(world: World, minutes: float, **options: float) -> list[str]:
    """Let time pass, run the passes, and return the names of those that did something."""
    world.clock.now += 60 * minutes
    return [result.name for result in world.run_passes(**options)]  # type: ignore[arg-type]


def test_the_first_run_only_notes_the_time(make: Make) -> None:
    world = make(CONVERSATION)
    world.know(make_conversations(5, 25, days=0.1))
    world.clock.now = DAY_SECONDS
    assert world.run_passes() == []
    assert world.genesys.calls == []
    for name in (RECENT, OLD):
        searched_for = world.backfill().searched_for
        assert cursor_of(world, name) == Cursor(world.now_ms(), 0, None, 1, searched_for)
    assert all("expires_at" not in item for item in world.dynamodb.items.values())


def test_a_pass_waits_until_it_is_due(stack: World) -> None:
    settle = settle_ms(CONVERSATION) / MINUTE_MS
    assert run_after(stack, settle + 14) == []
    assert run_after(stack, 1) == [RECENT]
    assert run_after(stack, 14) == []
    assert run_after(stack, 1) == [RECENT]
    assert run_after(stack, 24 * 60 - 30) == [RECENT, OLD]
    assert run_after(stack, 23 * 60) == [RECENT]


def test_a_finished_pass_continues_at_the_end_of_its_window(stack: World) -> None:
    run_after(stack, 60)
    cursor = cursor_of(stack, RECENT)
    assert cursor.position is None
    # The search took a few seconds after the window was chosen.
    age_ms = stack.now_ms() - cursor.searched_until_ms
    assert settle_ms(CONVERSATION) <= age_ms < settle_ms(CONVERSATION) + MINUTE_MS


def test_passes_find_every_end_whenever_runs_come_and_stop(make: Make) -> None:
    world = make(CONVERSATION)
    world.run_passes()
    conversations = make_conversations(8, 75, days=2)
    old = [one for one in make_conversations(9, 25) if world.ends_of(one)]
    aged = [make_old(one) for one in old]
    world.know(conversations)
    for json in aged:
        world.genesys.analytics.add(json)
    seconds = [10, 200, 12, 15, 11, 60]
    for run in range(60):
        world.clock.now += 1.5 * 3600
        world.run_passes(seconds=seconds[run % len(seconds)])
        world.drain()
    delivered, expected = world.delivered(), expected_of(world, conversations)
    ids = {one.id for one in conversations}
    assert unmatched(expected, delivered) == []
    assert len({*delivered}) == len(delivered)
    assert [one for one in delivered if one[0] in ids] == expected
    assert {one for one, *_ in delivered} - ids == {one["conversationId"] for one in aged}


def make_old(conversation: Conversation) -> dict[str, object]:
    """Return a conversation that began days before its first event, as analytics have it."""
    json = analytics_of(conversation.events)
    day = 3 + int(conversation.id[0], 16)
    start = json["conversationStart"]
    month_day = f"2026-11-{23 - day:02}" if day < 23 else "2026-11-01"
    return {**json, "conversationStart": month_day + start[10:]}


def test_a_cursor_that_is_far_behind_skips_ends_and_says_how_many(stack: World) -> None:
    stack.clock.now += 20 * DAY_SECONDS
    results = stack.run_passes(sends=False)
    assert [round(one.skipped_ms / DAY_MS) for one in results] == [6, 6]
    until = cursor_of(stack, RECENT).searched_until_ms
    assert stack.now_ms() - until < DAY_MS


def test_a_search_that_skipped_ends_goes_on_in_the_next_run(stack: World) -> None:
    stack.clock.now += 20 * DAY_SECONDS
    skipped = []
    for _ in range(12):
        stack.clock.now += 300
        results = stack.run_passes(seconds=15)
        skipped += [bool(one.skipped_ms) for one in results if one.name == RECENT]
    assert skipped[0]
    assert skipped.count(True) == 1
    assert cursor_of(stack, RECENT).position is None


def test_a_window_that_was_being_searched_is_given_up_if_it_is_too_old(stack: World) -> None:
    deadline = stack.clock.deadline(9)
    cursor = cursor_of(stack, RECENT)
    busy = replace(cursor, position=POSITION, window_until_ms=cursor.searched_until_ms + DAY_MS)
    stack.cursors.save(RECENT, busy, deadline)
    stack.clock.now += 2 * MAX_BEHIND_MS / 1000
    recent, _ = stack.run_passes(sends=False)
    assert recent.findings.is_finished
    assert cursor_of(stack, RECENT).position is None


def test_a_second_run_at_the_same_time_stops(stack: World) -> None:
    stack.know(make_conversations(5, 50, days=0.1))
    stack.clock.now += DAY_SECONDS / 2

    def interrupt() -> None:
        stack.dynamodb.script("batch_get_item", None)
        stack.run_passes()

    stack.dynamodb.script("batch_get_item", interrupt)
    with pytest.raises(CursorMoved):
        stack.run_passes()
    stack.drain()
    delivered = stack.delivered()
    assert len({*delivered}) == len(delivered) > 0
    assert cursor_of(stack, RECENT).position is None


class Cursors:
    """The cursors in a table."""

    def __init__(self, clock: Clock) -> None:
        self.dynamodb, self.clock = FakeDynamoDb(), clock
        self._table = TableCursors(self.dynamodb, TABLE)  # type: ignore[arg-type]

    def save(self, cursor: Cursor) -> Cursor:
        return self._table.save(RECENT, cursor, self.clock.deadline(9))

    def read(self, name: str = RECENT) -> Cursor | None:
        return self._table.read(name, self.clock.deadline(9))


@pytest.fixture
def cursors(clock: Clock) -> Cursors:
    return Cursors(clock)


def test_a_cursor_comes_back_as_it_was_saved(cursors: Cursors) -> None:
    assert cursors.read() is None
    saved = cursors.save(Cursor(10, 20, POSITION))
    assert saved == cursors.read() == Cursor(10, 20, POSITION, version=1)
    assert cursors.save(replace(saved, position=None)) == Cursor(10, 20, None, version=2)
    assert cursors.read(OLD) is None
    assert [*cursors.dynamodb.items] == [("#backfill", "#recent")]
    assert cursors.dynamodb.mistakes() == []


def test_a_cursor_that_another_run_has_saved_is_not_overwritten(cursors: Cursors) -> None:
    first = cursors.save(Cursor(10))
    with pytest.raises(CursorMoved):
        cursors.save(Cursor(11))
    cursors.save(replace(first, searched_until_ms=30))
    with pytest.raises(CursorMoved):
        cursors.save(replace(first, searched_until_ms=20))
    assert cursors.read() == Cursor(30, version=2)


def test_a_save_whose_answer_was_lost_has_succeeded(cursors: Cursors) -> None:
    cursors.dynamodb.script(UPDATE, Lost(client_error("InternalServerError", 500)))
    assert cursors.save(Cursor(10)) == cursors.read() == Cursor(10, version=1)


@pytest.mark.parametrize(
    "error",
    [client_error("AccessDeniedException"), ReadTimeoutError(endpoint_url="dynamodb")],
)
def test_a_save_that_fails_raises_the_error(cursors: Cursors, error: Exception) -> None:
    cursors.dynamodb.script(UPDATE, error)
    with pytest.raises(type(error)):
        cursors.save(Cursor(10))


def test_a_read_is_tried_again_after_a_network_failure(cursors: Cursors) -> None:
    cursors.save(Cursor(10))
    cursors.dynamodb.script("get_item", EndpointConnectionError(endpoint_url="dynamodb"))
    assert cursors.read() == Cursor(10, version=1)


def test_other_queues_begin_anew_because_their_earlier_ends_are_not_ours(make: Make) -> None:
    world = make(CONVERSATION)
    world.clock.now = DAY_SECONDS
    world.run_passes()
    other = replace(world.backfill(), queue_ids=OUR_QUEUES[:1])
    world.clock.now += 3600
    now, deadline = world.now_ms(), world.clock.deadline(60)

    results = [run_pass(one, other, world.cursors, deadline, now_ms=world.now_ms) for one in PASSES]

    assert results == [None, None]
    cursor = cursor_of(world, RECENT)
    assert (cursor.searched_until_ms, cursor.searched_for) == (now, other.searched_for)
