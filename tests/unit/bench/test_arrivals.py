"""The messages of the benchmark, and the ends that the worker's peers find in them."""

from bench.contenders.ends import find_end
from bench.world.arrivals import Arrivals, eventbridge_arrivals
from local.traffic.eventbridge import partner_conversations
from local.traffic.subscription import OUR_QUEUES


def test_messages_arrive_in_the_order_of_their_times() -> None:
    arrivals = Arrivals(ends=0)
    for at_ms, body in ((3_000, "third"), (1_000, "first"), (2_500, "second")):
        arrivals.add([body], at_ms=at_ms)

    assert arrivals.take(1) == ["first"]
    arrivals.add(["sent at the first"], delay_seconds=1)
    assert arrivals.take(10) == ["sent at the first", "second", "third"]
    assert arrivals.take(10) == []


def test_customer_ends_of_the_whole_org_arrive_but_queue_events_only_of_our_queues() -> None:
    bodies = eventbridge_arrivals("touched", 60).take(10_000)

    foreign = [body for body in bodies if not any(queue in body for queue in OUR_QUEUES)]
    assert len(foreign) < len(bodies)
    assert all(".customer.end" in body for body in foreign)


def test_the_peers_find_the_ends_of_the_rule_that_looks_at_each_event_alone() -> None:
    found, expected = (set[tuple[str, str]]() for _ in range(2))
    for conversation in partner_conversations(1, 200):
        expected |= {(conversation.id, end.queue_id) for end in conversation.ends["queue_leg"]}
        ends = [
            find_end(dict(event))
            for event in conversation.events
            if event["detail"]["eventBody"].get("queueId") in OUR_QUEUES
        ]
        found |= {(end["conversationId"], end["queueId"]) for end in ends if end}

    assert expected
    # The rule also counts an agent of whom no event says how long the talk was.
    assert found <= expected
    assert len(found) > 0.9 * len(expected)
