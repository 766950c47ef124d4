"""Deliveries are dropped: the backfill finds the ends, and each is delivered once."""

from backfill.expected_ends import CONVERSATION
from tests.unit.backfill.conftest import (
    DAY_SECONDS,
    World,
    drop,
    end_in,
    expected_of,
    make_conversations,
    unmatched,
)


def test_after_the_backfill_every_end_of_three_days_is_delivered_once(world: World) -> None:
    count, ends = (1825, 2000) if world.rule in (CONVERSATION, "touched") else (600, 600)
    conversations = make_conversations(7, count)
    expected = expected_of(world, conversations)
    assert len(expected) >= ends
    world.know(conversations)
    world.deliver(drop((b for one in conversations for b in world.bodies_of(one)), 0.05, seed=3))
    world.clock.now = 4 * DAY_SECONDS
    any_queue = world.rule == "last_queue"
    lost = unmatched(expected, world.delivered(), any_queue=any_queue)
    assert len(lost) > ends / 100

    findings = world.search()

    assert findings.is_complete
    assert findings.sent == len(findings.missing) >= len(lost)
    sent = [end_in(body) for body in world.drain()]
    delivered = world.delivered()
    assert len(set(delivered)) == len(delivered)
    assert unmatched(expected, delivered, any_queue=any_queue) == []
    assert unmatched(sent, expected, any_queue=any_queue) == []

    again = world.search()

    assert (again.is_complete, again.ends, again.missing) == (True, findings.ends, [])
    assert world.drain() == []
