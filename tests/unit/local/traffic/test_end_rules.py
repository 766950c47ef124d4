"""The reference implementation derives the ends that the end rules' exact words demand."""

from typing import Any

import pytest

from conversations.topics import TOPIC_PREFIX
from local.traffic.end_rules import derive_ends

A, B, OTHER = "a", "b", "other"
MINUTE = 60_000
Event = dict[str, Any]
Ends = list[tuple[str, int]]


def event(at_minutes: float, topic: str, queue_id: str = "", **body: object) -> Event:
    """Return an event some minutes after the start."""
    queue = {"queueId": queue_id} if queue_id else {}
    fields = {"eventTime": round(at_minutes * MINUTE), "conversationId": "c", **queue, **body}
    return {"detail-type": TOPIC_PREFIX + topic, "detail": {"eventBody": fields}}


def left(at_minutes: float, how: str = "PEER") -> Event:
    return event(at_minutes, "customer.end", disconnectType=how)


def talked(
    at_minutes: float, queue_id: str, minutes: float = 1, how: str = "PEER", **more: object
) -> Event:
    durations = {"interactingDurationMs": round(minutes * MINUTE)} if minutes else {}
    return event(at_minutes, "user.end", queue_id, disconnectType=how, **durations, **more)


def ends(rule: str, *batches: Event | list[Event]) -> Ends:
    """Return the queue and minute of each end; an event alone is a batch."""
    lists = [batch if isinstance(batch, list) else [batch] for batch in batches]
    return [(end.queue_id, end.at_ms // MINUTE) for end in derive_ends(rule, lists, [A, B])]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([left(9)], [], id="never in a queue"),
        pytest.param([event(1, "acd.start", OTHER), left(9)], [], id="foreign queue"),
        pytest.param([talked(1, ""), left(2)], [], id="an agent without a queue"),
        pytest.param([talked(2, A), left(2, "TRANSFER")], [], id="transferred"),
        pytest.param([left(2), event(2, "acd.start", A)], [], id="began at the end"),
        pytest.param([left(2), talked(30, A, 28.1)], [(A, 2)], id="began before the end"),
        pytest.param([left(2), talked(2, A, 0)], [(A, 2)], id="unknown beginning"),
        pytest.param([left(2), talked(7.1, A, 0)], [], id="unknown beginning, long after"),
        pytest.param(
            [talked(9, A, 8), left(9), talked(14, A, 13), left(60)],
            [(A, 9)],
            id="an agent who hangs up after the customer",
        ),
        pytest.param(
            [talked(9, A, 8), left(9), talked(14.1, A, 13), left(60)],
            [(A, 9), (A, 60)],
            id="an agent who stays longer",
        ),
        pytest.param(
            [left(9), talked(20, A, 13, mediaType="CALLBACK"), left(60)],
            [(A, 9)],
            id="a callback closed late",
        ),
        pytest.param([left(1), event(6, "acw", A)], [(A, 1)], id="paperwork in five minutes"),
        pytest.param([left(1), event(6.1, "acw", A)], [], id="later paperwork"),
        pytest.param([left(1), event(3, "acw", A), left(30)], [(A, 1)], id="paperwork ends once"),
        pytest.param(
            [event(0, "acd.start", A), event(1, "acd.end", A), left(9), left(20)],
            [(A, 9)],
            id="a start gives the beginning",
        ),
    ],
)
def test_touched_ends_the_queues_whose_stays_count(events: list[Event], expected: Ends) -> None:
    assert ends("touched", *events) == expected
    assert ends("touched", *events, *events) == expected


def test_touched_ends_more_queues_if_a_later_customers_end_arrives_first() -> None:
    first, second = [talked(2, A), left(2)], [talked(51, B), left(51)]
    assert ends("touched", *first, *second) == [(A, 2), (B, 51)]
    assert ends("touched", *second, *first[::-1]) == [(A, 2), (B, 51)]
    assert ends("touched", first[0], *second, first[1]) == [(A, 2), (A, 51), (B, 51)]
    assert ends("touched", [first[0], *second, first[1]]) == [(A, 2), (B, 51)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([talked(2, A), talked(3, B), left(3)], [(B, 3)], id="ends last"),
        pytest.param([talked(20, A, 19), talked(9, B), left(3)], [(A, 3)], id="B began later"),
        pytest.param(
            [talked(20, A, 18), talked(9, B, 7), left(3)],
            [(B, 3)],
            id="both are taken to end five minutes later, and B comes later in the alphabet",
        ),
        pytest.param(
            [talked(3, A, 2), event(3, "acd.end", B, connectedDurationMs=MINUTE), left(3)],
            [(A, 3)],
            id="an agent talked in A",
        ),
        pytest.param([talked(3, A, 1), talked(3, B, 2), left(3)], [(A, 3)], id="A began later"),
        pytest.param([talked(2, A), left(3), event(7, "acw", B)], [(A, 3)], id="a stay in A alone"),
        pytest.param([event(5, "acw", A), left(3), event(7, "acw", B)], [(B, 3)], id="later acw"),
        pytest.param([talked(3, B), left(3), event(4, "acw", A), talked(2, A)], [(B, 3)], id="acw"),
    ],
)
def test_last_queue_ends_only_the_last_queue(events: list[Event], expected: Ends) -> None:
    assert ends("last_queue", *events) == expected
    assert ends("last_queue", *events[::-1]) == expected


@pytest.mark.parametrize(
    ("fields", "has_talk"),
    [
        ({"interactingDurationMs": 1}, True),
        ({"interactingDurationMs": 0}, False),
        ({"interactingDurationMs": 0, "heldDurationMs": 1}, False),
        ({}, True),
        ({"disconnectType": "UNCALLABLE"}, False),
        ({"disconnectType": "DND_ENDPOINT"}, False),
        ({"alertingDurationMs": 1}, False),
        ({"contactingDurationMs": 1}, False),
        ({"dialingDurationMs": 1}, False),
        ({"alertingDurationMs": 1, "heldDurationMs": 1}, True),
        ({"dialingDurationMs": 1, "callbackDurationMs": 1}, True),
        ({"interactingDurationMs": 1, "disconnectType": "CONSULT_TRANSFER"}, False),
    ],
)
def test_queue_leg_ends_when_an_agent_who_talked_is_done(
    fields: dict[str, object], has_talk: bool
) -> None:
    leg = event(4, "user.end", A, **fields)
    assert ends("queue_leg", leg) == ([(A, 4)] if has_talk else [])


def test_queue_leg_ends_when_the_customer_gives_up_waiting() -> None:
    assert ends("queue_leg", event(4, "acd.end", A, acdOutcome="ABANDON")) == [(A, 4)]
    assert ends("queue_leg", event(4, "acd.end", A, acdOutcome="FLOW_OUT")) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((9, 13, 17), [9]),
        ((9, 17, 13), [9, 17]),
        ((13, 9, 17), [13]),
        ((13, 17, 9), [13]),
        ((17, 9, 13), [9, 17]),
        ((17, 13, 9), [17]),
    ],
)
def test_ends_close_together_are_one_in_most_orders(
    order: tuple[int, ...], expected: list[int]
) -> None:
    legs = [talked(minute, A) for minute in order]
    assert ends("queue_leg", *legs) == [(A, minute) for minute in expected]
    assert ends("queue_leg", legs) == [(A, 9)]
