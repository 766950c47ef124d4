"""A history merges events in any order."""

import itertools

import pytest

from conversations.end import SAME_END_WINDOW_MS
from conversations.history import (
    MAX_CUSTOMER_ENDS,
    MAX_EVENTS_PER_QUEUE,
    MAX_QUEUES,
    UNKNOWN_TOPIC,
    CustomerEnd,
    History,
    QueueEvent,
    find_previous_end,
)


def test_events_of_a_queue_are_kept_once_in_order_of_time() -> None:
    events = [QueueEvent(5, "acd.end", 4), QueueEvent(1, "acd.start"), QueueEvent(5, "user.start")]
    for order in itertools.permutations([*events, events[0]]):
        history = History()
        for event in order:
            history = history.merged_with(History(queues={"a": (event,)}))
        assert history.queues == {"a": (events[1], events[0], events[2])}


def test_each_time_of_a_customer_s_end_is_kept() -> None:
    history = History(customer_ends={5: CustomerEnd(media_type="VOICE")})
    history = history.merged_with(History(customer_ends={4: CustomerEnd(), 5: CustomerEnd()}))
    assert history.customer_ends == {4: CustomerEnd(), 5: CustomerEnd(media_type="VOICE")}


@pytest.mark.parametrize(("at", "previous"), [(4, None), (5, None), (6, 5), (9, 5), (10, 9)])
def test_the_previous_end_is_the_latest_of_those_before(at: int, previous: int | None) -> None:
    history = History(customer_ends={9: CustomerEnd(), 5: CustomerEnd()})
    assert find_previous_end(history.customer_ends, at) == previous


def test_a_decision_is_kept_and_never_replaced() -> None:
    undecided = History(customer_ends={0: CustomerEnd()})
    first = undecided.merged_with(History(customer_ends={0: CustomerEnd(decided_queue_id="a")}))
    second = first.merged_with(History(customer_ends={0: CustomerEnd(decided_queue_id="b")}))
    assert (
        first.customer_ends[0].decided_queue_id == second.customer_ends[0].decided_queue_id == "a"
    )
    assert second.merged_with(undecided) == second


def test_a_repeated_event_replaces_what_an_earlier_version_kept_of_it() -> None:
    unknown = QueueEvent(5, UNKNOWN_TOPIC), QueueEvent(6, UNKNOWN_TOPIC)
    history = History(queues={"a": unknown})
    event = QueueEvent(5, "acd.start")
    merged = history.merged_with(History(queues={"a": (event,)}))
    assert merged.queues == {"a": (event, unknown[1])}
    assert merged.merged_with(history) == merged


def test_of_too_many_events_the_first_and_the_latest_are_kept() -> None:
    history = History()
    for time in (*range(1000, 1, -1), 1, 500):
        history = history.merged_with(History(queues={"a": (QueueEvent(time, "acd.start"),)}))
    times = [event.at_ms for event in history.queues["a"]]
    assert times == [1, *range(1000 - MAX_EVENTS_PER_QUEUE + 2, 1001)]
    repeated = History(queues={"a": (QueueEvent(500, "acd.start"),)})
    assert history.merged_with(repeated) == history


def ends_at(*times: int) -> History:
    return History(customer_ends={at_ms: CustomerEnd() for at_ms in times})


STEP_MS = SAME_END_WINDOW_MS + 1


def test_of_too_many_customer_s_ends_the_latest_are_kept_in_any_order() -> None:
    times = [number * STEP_MS for number in range(MAX_CUSTOMER_ENDS + 50)]
    for order in (times, times[::-1], times[::2] + times[1::2]):
        history = History()
        for at_ms in order:
            history = history.merged_with(ends_at(at_ms))
        assert sorted(history.customer_ends) == times[50:]
        assert history.merged_with(ends_at(0)) == history
    assert History().merged_with(ends_at(*times)) == history


def test_repeats_are_forgotten_first_and_take_no_event_with_them() -> None:
    queues = {"a": (QueueEvent(1, "acd.start"),)}
    flood = range(10, 10 + MAX_CUSTOMER_ENDS)
    history = History(queues=queues).merged_with(ends_at(5, *flood, 10 * STEP_MS))
    assert sorted(history.customer_ends) == [5, 10 * STEP_MS]
    assert history.queues == queues


def test_a_forgotten_customer_s_end_takes_the_events_that_it_ended_with_it() -> None:
    ended = QueueEvent(10 + SAME_END_WINDOW_MS, "user.end")
    later = QueueEvent(10 + SAME_END_WINDOW_MS + 1, "acd.start")
    history = History(queues={"a": (ended,), "b": (ended, later)}).merged_with(
        ends_at(10, *(number * STEP_MS for number in range(2, MAX_CUSTOMER_ENDS + 2)))
    )
    assert history.queues == {"b": (later,)}
    assert 10 not in history.customer_ends


def test_the_first_end_of_a_full_history_is_no_longer_completed() -> None:
    nearly_full = ends_at(*range(1, MAX_CUSTOMER_ENDS))
    assert nearly_full.completable_end_times()[0] == 1
    full = nearly_full.merged_with(ends_at(MAX_CUSTOMER_ENDS))
    assert full.completable_end_times() == [*range(2, MAX_CUSTOMER_ENDS + 1)]


def test_of_too_many_queues_those_with_the_latest_events_are_kept() -> None:
    history = History()
    for number in range(MAX_QUEUES + 2):
        event = QueueEvent(1000 - number, "acd.start")
        history = history.merged_with(History(queues={f"q-{number}": (event,)}))
    assert set(history.queues) == {f"q-{number}" for number in range(MAX_QUEUES)}
