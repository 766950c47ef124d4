"""The event patterns of the partner bus's rules, each within the length that AWS takes."""

import json
from collections.abc import Sequence
from typing import Any

# Amazon EventBridge User Guide, "Amazon EventBridge quotas": event pattern size, in characters.
MOST_CHARACTERS = 2048
# Amazon EventBridge API Reference, "CreateEventBus": a partner event source's name has no more.
LONGEST_SOURCE = 256

Pattern = dict[str, Any]


def topic_pattern(source: str, topics: Sequence[str]) -> Pattern:
    """Return the pattern that takes some topics from one partner event source."""
    return {"source": [source], "detail-type": list(topics)}


def queue_patterns(source: str, topics: Sequence[str], queue_ids: Sequence[str]) -> list[Pattern]:
    """Return the fewest patterns that take the events of some topics with our queue ids.

    The ids fill one pattern after the other, in their order. So an id that is appended moves no
    other, and one that is taken out moves others only towards the first pattern.

    Parameters
    ----------
    source
        Name of the partner event source. As it may be a token still, the longest name is assumed.
    """
    lists: list[list[str]] = []
    for queue_id in queue_ids:
        longer = [*(lists[-1] if lists else []), queue_id]
        if lists and _fits(topics, longer):
            lists[-1] = longer
        else:
            lists.append([queue_id])
    return [_queue_pattern(source, topics, ids) for ids in lists]


def _queue_pattern(source: str, topics: Sequence[str], queue_ids: Sequence[str]) -> Pattern:
    detail = {"eventBody": {"queueId": list(queue_ids)}}
    return {**topic_pattern(source, topics), "detail": detail}


def _fits(topics: Sequence[str], queue_ids: Sequence[str]) -> bool:
    # With spaces: the CDK and CloudFormation choose how the JSON is written.
    longest = json.dumps(_queue_pattern("s" * LONGEST_SOURCE, topics, queue_ids))
    return len(longest) <= MOST_CHARACTERS
