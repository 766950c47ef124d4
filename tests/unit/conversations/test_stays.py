"""Which stays count for a customer's end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.end_rules.stays import Stay, find_counting_stays
from conversations.history import UNKNOWN_TOPIC, CustomerEnd, History, QueueEvent
from conversations.topics import QUEUE_TOPICS

MINUTE = 60_000


def at(minutes: float, topic: str, lasted: float = 0, *, is_callback: bool = False) -> QueueEvent:
    """Return an event at a time, with a duration, both in minutes."""
    times = round(minutes * MINUTE), round(lasted * MINUTE)
    return QueueEvent(times[0], topic, times[1], is_callback=is_callback)


def counting(
    *events: QueueEvent,
    end: float,
    previous: float | None = None,
    customer_end: CustomerEnd = CustomerEnd(),  # noqa: B008 - it is frozen
) -> list[tuple[float | None, float]]:
    """Return the beginning and end, in minutes, of each stay that counts for a customer's end."""
    times = [minutes for minutes in (previous, end) if minutes is not None]
    history = History(
        {"a": tuple(sorted(events))}, {round(time * MINUTE): customer_end for time in times}
    )
    stays = find_counting_stays(history, history.queues["a"], round(end * MINUTE))
    return [
        (None if stay.begins_ms is None else stay.begins_ms / MINUTE, stay.ends_ms / MINUTE)
        for stay in sorted(stays, key=lambda stay: (stay.ends_ms, stay.begins_ms or 0))
    ]


@pytest.mark.parametrize("kind", ["acd", "user"])
def test_a_stay_begins_at_the_earlier_of_its_start_and_what_its_durations_say(kind: str) -> None:
    start, stop = f"{kind}.start", f"{kind}.end"
    assert counting(at(9, stop, 4), end=20) == [(5, 9)]
    assert counting(at(9, stop), end=20) == [(None, 9)]
    assert counting(at(3, start), end=20) == [(3, 3)]
    assert counting(at(3, start), at(9, stop), end=20) == [(3, 3), (3, 9)]
    assert counting(at(3, start), at(9, stop, 4), end=20) == [(3, 3), (3, 9)]
    assert counting(at(6, start), at(9, stop, 4), end=20) == [(6, 6), (5, 9)]
    assert counting(at(9, start), at(9, stop), end=20) == [(None, 9), (9, 9)]


def test_a_start_belongs_to_the_first_event_of_its_kind_after_it() -> None:
    events = [at(1, "user.start"), at(3, "user.end"), at(3, "user.start"), at(5, "user.end")]
    assert counting(*events, end=20) == [(1, 1), (1, 3), (3, 3), (3, 5)]
    # An event of the other kind is no start, and the start of one stay is not that of the next.
    assert counting(at(1, "acd.start"), at(5, "user.end"), end=20) == [(1, 1), (None, 5)]
    events = [at(1, "acd.start"), at(3, "acd.end"), at(5, "acd.end")]
    assert counting(*events, end=20) == [(1, 1), (1, 3), (None, 5)]


@pytest.mark.parametrize("topic", ["acd.start", "user.start", "acd.end", "user.end"])
@pytest.mark.parametrize(("begins", "counts"), [(9.99, True), (10, False), (12, False)])
def test_a_stay_that_begins_at_or_after_the_end_does_not_count(
    topic: str, begins: float, counts: bool
) -> None:
    lasted = 0 if topic.endswith("start") else 3
    assert bool(counting(at(begins + lasted, topic, lasted), end=10)) is counts


@pytest.mark.parametrize(
    ("begins", "ends", "counts"),
    [
        (1, 9, False),
        (1, 10, False),
        (1, 15, False),
        (1, 15.01, True),
        (9.99, 12, False),
        (10, 12, True),
        (11, 12, True),
        (1, 60, True),
    ],
)
def test_a_stay_counts_again_only_if_it_reaches_beyond_the_previous_end(
    begins: float, ends: float, counts: bool
) -> None:
    for topic in ("acd.end", "user.end"):
        event = at(ends, topic, ends - begins)
        assert bool(counting(event, end=30, previous=10)) is counts


def test_an_agent_who_closes_a_callback_late_does_not_end_it_again() -> None:
    late = at(25, "user.end", 15, is_callback=True)
    assert counting(late, end=25, previous=15) == []
    assert counting(late, end=15) == [(10, 25)]
    assert counting(late, end=25, previous=10) == [(10, 25)]
    waited = at(25, "acd.end", 15, is_callback=True)
    assert counting(waited, end=25, previous=15) == [(10, 25)]


@pytest.mark.parametrize(
    ("minutes", "counts"), [(9, False), (10, False), (10.01, True), (35, True), (35.01, False)]
)
@pytest.mark.parametrize("topic", ["acd.end", "user.end", UNKNOWN_TOPIC])
def test_a_stay_with_an_unknown_beginning_counts_until_five_minutes_after_the_end(
    topic: str, minutes: float, counts: bool
) -> None:
    assert bool(counting(at(minutes, topic), end=30, previous=10)) is counts


@pytest.mark.parametrize("topic", ["acw", "wrapup"])
@pytest.mark.parametrize(
    ("minutes", "counts"), [(1, False), (15, False), (15.01, True), (35, True), (35.01, False)]
)
def test_paperwork_counts_for_one_end_and_only_if_nothing_else_is_known(
    topic: str, minutes: float, counts: bool
) -> None:
    paperwork = at(minutes, topic)
    assert bool(counting(paperwork, end=30, previous=10)) is counts
    for other in ("acd.start", "user.end"):
        assert counting(paperwork, at(1, other), end=30, previous=10) == []


@pytest.mark.parametrize("topics", [*itertools.product(["acw", "wrapup"], repeat=2)])
def test_only_the_earliest_paperwork_counts(topics: tuple[str, str]) -> None:
    earlier, later = (at(minutes, topic) for minutes, topic in zip((11, 32), topics, strict=True))
    assert counting(earlier, later, end=10) == [(None, 11)]
    assert counting(earlier, later, end=30, previous=10) == []


@pytest.mark.parametrize(("ended", "counts"), [(10, True), (5, True), (10.01, False), (13, False)])
@pytest.mark.parametrize("topic", ["acd.end", "user.end", UNKNOWN_TOPIC])
def test_a_late_hang_up_with_an_unknown_beginning_does_not_count_again(
    topic: str, ended: float, counts: bool
) -> None:
    """Unless it is the only event that shows that the conversation was in the queue."""
    hang_up = at(12, topic)
    other = at(ended, "user.start" if topic == "acd.end" else "acd.start")
    assert ((None, 12) in counting(hang_up, other, end=30, previous=10)) is not counts
    assert (None, 12) in counting(hang_up, other, end=10)
    later = at(15.01, topic)
    assert (None, 15.01) in counting(later, other, end=30, previous=10)


@pytest.mark.parametrize("left", [2, 5])
def test_a_late_hang_up_counts_again_if_the_queue_was_left_before_the_previous_session(
    left: float,
) -> None:
    events, ends = (at(left, "acd.start"), at(12, "user.end")), (5, 10, 30)
    history = History({"a": events}, {minutes * MINUTE: CustomerEnd() for minutes in ends})
    (stay,) = find_counting_stays(history, events, 30 * MINUTE)
    assert stay.event == events[1]


@pytest.mark.parametrize("topic", ["acd.start", "acd.end", "user.start", "user.end"])
@pytest.mark.parametrize(
    ("media_type", "direction", "counts"),
    [
        ("VOICE", "INBOUND", False),
        ("VOICE", "OUTBOUND", True),
        ("VOICE", None, True),
        ("CALLBACK", "INBOUND", True),
        (None, None, True),
    ],
)
def test_a_callback_does_not_end_when_the_caller_who_asked_for_it_hangs_up(
    topic: str, media_type: str | None, direction: str | None, counts: bool
) -> None:
    end = CustomerEnd(media_type=media_type, direction=direction)
    for lasted in (0, 2):
        callback, call = (at(9, topic, lasted, is_callback=flag) for flag in (True, False))
        assert bool(counting(callback, end=10, customer_end=end)) is counts
        assert counting(call, end=10, customer_end=end)


def test_a_callback_that_waits_before_the_caller_hangs_up_ends_with_its_own_customer_end() -> None:
    waits = (at(2, "acd.start", is_callback=True), at(4, "acd.end", 2, is_callback=True))
    call, callback = CustomerEnd(media_type="VOICE", direction="INBOUND"), CustomerEnd()
    history = History({"a": waits}, {3 * MINUTE: call, 4 * MINUTE: callback})
    assert find_counting_stays(history, waits, 3 * MINUTE) == []
    assert [stay.event for stay in find_counting_stays(history, waits, 4 * MINUTE)] == [*waits]


_events = st.builds(
    at,
    st.integers(0, 60),
    st.sampled_from([*QUEUE_TOPICS, UNKNOWN_TOPIC]),
    st.integers(0, 20),
    is_callback=st.booleans(),
)


@given(st.lists(_events, min_size=1, max_size=6), st.lists(st.integers(0, 60), max_size=4))
def test_every_event_but_paperwork_counts_for_its_first_possible_end(
    events: list[QueueEvent], ends: list[int]
) -> None:
    """The customer leaves at last: then every stay has counted for some end."""
    customer_ends = {minutes * MINUTE: CustomerEnd() for minutes in (*ends, 100)}
    history = History({"a": tuple(sorted({*events}))}, customer_ends)
    stays: list[Stay] = [
        stay
        for ended_at_ms in customer_ends
        for stay in find_counting_stays(history, history.queues["a"], ended_at_ms)
    ]
    shown = {stay.event for stay in stays}
    if any(event.topic not in ("acw", "wrapup") for event in events):
        assert shown == {event for event in events if event.topic not in ("acw", "wrapup")}
    else:
        assert shown == {min(events)}
