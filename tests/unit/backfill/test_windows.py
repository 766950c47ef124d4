"""The passes look for each end in exactly one window, whatever the age of its conversation."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from backfill.passes import PASSES
from backfill.windows import (
    DAY_MS,
    MIN_INTERVAL_MS,
    MINUTE_MS,
    Position,
    Window,
    first_position,
    next_interval,
)

NOON = 20_000 * DAY_MS + DAY_MS // 2
HOUR_MS = 60 * MINUTE_MS


def intervals(window: Window) -> list[tuple[int, int]]:
    """Return the intervals of a window, in order."""
    found = []
    position = first_position(window)
    while position:
        found.append((position.begin_ms, position.end_ms))
        position = next_interval(position, window)
    return found


@given(
    since=st.integers(NOON, NOON + 2 * DAY_MS),
    length=st.integers(1, 15 * DAY_MS),
    ended_after=st.floats(0, 1, exclude_max=True),
    age=st.integers(0, 31 * DAY_MS - 1),
)
def test_one_pass_finds_an_end_of_any_age(
    since: int, length: int, ended_after: float, age: int
) -> None:
    ended_at = since + int(length * ended_after)
    began_at = ended_at - age
    found = 0
    for one in PASSES:
        window = Window(since, since + length, one.min_age_ms, one.max_age_ms)
        reads_it = any(begin <= began_at < end for begin, end in intervals(window))
        found += window.has(ended_at, began_at)
        assert reads_it or not window.has(ended_at, began_at)
    assert found == 1


@given(
    since=st.integers(NOON, NOON + 2 * DAY_MS),
    length=st.integers(1, 15 * DAY_MS),
    max_age=st.integers(1, 31 * DAY_MS),
)
def test_the_intervals_of_a_window_follow_one_another_and_are_in_one_day_each(
    since: int, length: int, max_age: int
) -> None:
    found = intervals(Window(since, since + length, 0, max_age))
    assert found[0][0] <= since - max_age
    assert found[-1][1] == since + length
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(found))
    assert all(begin // DAY_MS == (end - 1) // DAY_MS for begin, end in found)


def test_an_end_outside_of_the_window_is_not_in_it() -> None:
    window = Window(NOON, NOON + HOUR_MS)
    times = (NOON - 1, NOON, NOON + HOUR_MS - 1, NOON + HOUR_MS)
    assert [window.has(at_ms, None) for at_ms in times] == [False, True, True, False]


def test_an_interval_is_divided_down_to_some_minutes() -> None:
    window = Window(NOON, NOON + HOUR_MS, 0, 1)
    position = first_position(window)
    assert position
    hits, seen = 1_000_000, []
    while not position.is_final:
        seen.append(position.end_ms - position.begin_ms)
        hits -= 1
        position = position.divided(hits, window)
    assert seen[0] == DAY_MS // 2 + HOUR_MS
    assert MIN_INTERVAL_MS <= seen[-1] < 2 * MIN_INTERVAL_MS
    assert position.end_ms - position.begin_ms == seen[-1]


def test_a_day_is_read_as_a_whole_if_its_parts_have_no_fewer_conversations() -> None:
    window = Window(NOON, NOON + HOUR_MS, 0, 1)
    position = first_position(window)
    assert position
    begin, end = position.begin_ms, position.end_ms
    while not position.is_final:
        position = position.divided(200_000, window)
    assert position == Position(begin, end, is_final=True)
