"""A history merges events in any order."""

import itertools

import pytest

from conversations.history import (
    MAX_EVENTS_PER_QUEUE,
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
