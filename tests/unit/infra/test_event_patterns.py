"""Event patterns: every queue is in one pattern, and every pattern is within AWS's size limit."""

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.delivery.event_patterns import (
    MAX_EVENT_SOURCE_NAME_CHARACTERS,
    MAX_PATTERN_CHARACTERS,
    queue_patterns,
    topic_pattern,
)

TOPICS = [
    f"v2.detail.events.conversation.{{id}}.{topic}"
    for topic in ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
]
LONGEST_NAME = "aws.partner/genesys.com/cloud/".ljust(MAX_EVENT_SOURCE_NAME_CHARACTERS, "s")
QUEUE_IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def ids_in(queue_ids: list[str]) -> list[list[str]]:
    """Return the queue ids in each pattern."""
    patterns = queue_patterns(LONGEST_NAME, TOPICS, queue_ids)
    return [pattern["detail"]["eventBody"]["queueId"] for pattern in patterns]


def length(queue_ids: list[str]) -> int:
    pattern = topic_pattern(LONGEST_NAME, TOPICS)
    return len(json.dumps(pattern | {"detail": {"eventBody": {"queueId": queue_ids}}}))


def test_a_pattern_names_the_source_the_topics_and_the_queues() -> None:
    assert queue_patterns("source", ["a", "b"], ["q1", "q2"]) == [
        {
            "source": ["source"],
            "detail-type": ["a", "b"],
            "detail": {"eventBody": {"queueId": ["q1", "q2"]}},
        }
    ]


@settings(max_examples=50)
@given(queue_ids=st.lists(QUEUE_IDS, min_size=1, max_size=50, unique=True))
def test_each_queue_is_in_one_of_as_few_patterns_as_fit(
    queue_ids: list[str],
) -> None:
    lists = ids_in(queue_ids)
    assert [queue_id for ids in lists for queue_id in ids] == queue_ids
    assert all(length(ids) <= MAX_PATTERN_CHARACTERS for ids in lists)
    assert all(
        length([*ids, following[0]]) > MAX_PATTERN_CHARACTERS for ids, following in pairwise(lists)
    )


def test_fifty_queues_need_three_patterns_at_most() -> None:
    assert [len(ids) for ids in ids_in([f"{n:0>64}" for n in range(50)])] == [21, 21, 8]
    assert [len(ids) for ids in ids_in([f"{n:0>36}" for n in range(50)])] == [36, 14]


@settings(max_examples=50)
@given(queue_ids=st.lists(QUEUE_IDS, min_size=2, max_size=50, unique=True), data=st.data())
def test_a_removed_queue_moves_others_only_to_earlier_patterns(
    queue_ids: list[str], data: st.DataObject
) -> None:
    removed_id = data.draw(st.sampled_from(queue_ids))

    def place(ids: list[str]) -> dict[str, int]:
        return {q: number for number, found in enumerate(ids_in(ids)) for q in found}

    before, after = place(queue_ids), place([q for q in queue_ids if q != removed_id])
    assert all(after[queue_id] <= before[queue_id] for queue_id in after)
