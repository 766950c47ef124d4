"""A history merges events in any order, and finds the queues that an end can belong to."""

import pytest

from conversations.history import MAX_TIMES_PER_QUEUE, CustomerEnd, History

MINUTE = 60_000


def test_ends_within_five_minutes_are_merged_and_others_are_not() -> None:
    history = History()
    for at_ms in (0, 5 * MINUTE, 5 * MINUTE + 1, 20 * MINUTE, 16 * MINUTE):
        history = history.merged_with(
            History(customer_ends={at_ms: CustomerEnd(at_ms, media_type=str(at_ms))})
        )
    assert {
        at: (end.latest_report_ms, end.media_type) for at, end in history.customer_ends.items()
    } == {
        0: (5 * MINUTE, "0"),
        5 * MINUTE + 1: (5 * MINUTE + 1, str(5 * MINUTE + 1)),
        20 * MINUTE: (20 * MINUTE, str(20 * MINUTE)),
    }


def test_a_decision_is_kept_and_never_replaced() -> None:
    undecided = History(customer_ends={0: CustomerEnd(0)})
    first = undecided.merged_with(History(customer_ends={0: CustomerEnd(0, decided_queue_id="a")}))
    second = first.merged_with(
        History(customer_ends={0: CustomerEnd(0, decided_queue_id="b", settling=True)})
    )
    assert (
        first.customer_ends[0].decided_queue_id == second.customer_ends[0].decided_queue_id == "a"
    )
    assert second.merged_with(undecided) == second


def test_events_up_to_five_minutes_after_the_end_count() -> None:
    history = History(
        queues={
            "before": (-90 * MINUTE, 90 * MINUTE),
            "after": (5 * MINUTE,),
            "later": (5 * MINUTE + 1,),
            "twice": (-MINUTE, MINUTE, 20 * MINUTE),
        },
        customer_ends={0: CustomerEnd(0)},
    )
    assert history.latest_event_ms_by_queue(0) == {
        "before": -90 * MINUTE,
        "after": 5 * MINUTE,
        "twice": MINUTE,
    }


@pytest.mark.parametrize("order", [(0, 4), (4, 0)])
def test_an_end_has_the_same_queues_whichever_of_its_events_came_first(
    order: tuple[int, int],
) -> None:
    history = History(queues={"a": (8 * MINUTE,)})
    for minutes in order:
        at_ms = minutes * MINUTE
        history = history.merged_with(History(customer_ends={at_ms: CustomerEnd(at_ms)}))
    (ended_at,) = history.customer_ends
    assert list(history.latest_event_ms_by_queue(ended_at)) == ["a"]


def test_of_too_many_events_the_first_and_the_latest_are_kept() -> None:
    history = History()
    for time in (*range(1000, 1, -1), 1, 500):
        history = history.merged_with(History(queues={"a": (time,)}))
    times = history.queues["a"]
    assert times == (1, *range(1000 - MAX_TIMES_PER_QUEUE + 2, 1001))
    assert history.merged_with(History(queues={"a": (500,)})) == history
