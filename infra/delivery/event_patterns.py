"""The event patterns of the rules on the partner event bus, each within AWS's size limit."""

import json
from collections.abc import Sequence
from typing import Any

# Maximum size of an event pattern (see "Amazon EventBridge quotas" in the EventBridge User Guide).
MAX_CHARACTERS = 2048
# Maximum length of a partner event source's name (see "CreateEventBus" in the API Reference).
MAX_SOURCE_CHARACTERS = 256

Pattern = dict[str, Any]


def topic_pattern(source_name: str, topics: Sequence[str]) -> Pattern:
    """Return the pattern that matches all events of these topics from one partner event source."""
    return {"source": [source_name], "detail-type": list(topics)}


def queue_patterns(
    source_name: str, topics: Sequence[str], queue_ids: Sequence[str]
) -> list[Pattern]:
    """Return patterns that together match each event that has one of the topics and queue ids.

    The ids go into the first pattern until it is full, then into the next one. So an id that is
    added at the end moves no other id, and the removal of an id can move later ids only into
    earlier patterns.

    Parameters
    ----------
    source_name
        The partner event source's name. It may be an unresolved token, so each pattern has room
        for the longest possible name.
    """
    id_groups: list[list[str]] = []
    for queue_id in queue_ids:
        extended_group = [*(id_groups[-1] if id_groups else []), queue_id]
        if id_groups and _fits(topics, extended_group):
            id_groups[-1] = extended_group
        else:
            id_groups.append([queue_id])
    return [_queue_pattern(source_name, topics, ids) for ids in id_groups]


def _queue_pattern(source_name: str, topics: Sequence[str], queue_ids: Sequence[str]) -> Pattern:
    detail = {"eventBody": {"queueId": list(queue_ids)}}
    return {**topic_pattern(source_name, topics), "detail": detail}


def _fits(topics: Sequence[str], queue_ids: Sequence[str]) -> bool:
    # json.dumps adds spaces after separators, as the CDK or CloudFormation may do too.
    longest_pattern = json.dumps(_queue_pattern("s" * MAX_SOURCE_CHARACTERS, topics, queue_ids))
    return len(longest_pattern) <= MAX_CHARACTERS
