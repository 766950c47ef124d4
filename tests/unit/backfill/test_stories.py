"""Stories whose events arrive in part, late, twice or not at all: each end is delivered once."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from local.traffic.eventbridge import partner_conversations
from local.traffic.stories import STORIES
from tests.unit.backfill.conftest import (
    DAY_SECONDS,
    RULES,
    World,
    drop,
    end_in,
    expected_of,
    make_conversations,
    unmatched,
)


def test_a_stack_in_which_everything_arrived_misses_nothing(world: World) -> None:
    conversations = make_conversations(13, 150, days=0.5)
    world.know(conversations)
    world.deliver([body for one in conversations for body in world.bodies_of(one)])
    world.clock.now = DAY_SECONDS
    findings = world.search()
    assert findings.is_complete
    assert findings.ends > 100
    assert findings.missing == []


def test_a_stack_in_which_nothing_arrived_gets_every_end(world: World) -> None:
    conversations = make_conversations(14, 150, days=0.5)
    world.know(conversations)
    world.clock.now = DAY_SECONDS
    world.search()
    world.drain()
    expected, delivered = expected_of(world, conversations), world.delivered()
    assert len(delivered) == len(expected)
    assert unmatched(expected, delivered) == unmatched(delivered, expected) == []
    assert world.search().missing == []


@given(
    rule=st.sampled_from(RULES),
    story=st.sampled_from([*STORIES]),
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]),
    late_share=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_lost_late_or_repeated_each_end_is_delivered_once(
    *, server: HttpServer, rule: str, story: str, seed: int, share: float, late_share: float
) -> None:
    server.reset()
    world = World(server, rule)
    rng = random.Random(seed)
    conversations = [*partner_conversations(seed, 2, own_share=0.8, stories=[story])]
    world.know(conversations)
    arriving = drop((b for one in conversations for b in world.bodies_of(one)), share, seed)
    late = [body for body in arriving if rng.random() < late_share]
    on_time = [body for body in arriving if body not in late]
    world.deliver(on_time + [body for body in on_time if rng.random() < 0.2])
    world.clock.now = DAY_SECONDS
    findings = world.search()
    sent = [end_in(body) for body in world.drain()]
    assert len(sent) == findings.sent

    # With `last_queue`, the events that have arrived can lead to another queue.
    any_queue = rule == "last_queue"
    expected = expected_of(world, conversations)
    assert unmatched(expected, world.delivered(), any_queue=any_queue) == []
    assert unmatched(sent, expected, any_queue=any_queue) == []
    assert world.search().missing == []

    before = world.delivered()
    world.deliver(late)
    after = world.delivered()
    assert len({*after}) == len(after)
    if not any_queue and share == 0:
        assert unmatched(after, before) == []


@pytest.fixture(autouse=True)
def org(http: HttpServer) -> GenesysCloud:
    """Reset the server after each test."""
    http.respond = genesys = GenesysCloud()
    return genesys
