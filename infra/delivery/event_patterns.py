"""The event patterns of the rules on the partner event bus, split to fit AWS's size limit."""

import json
from collections.abc import Sequence
from typing import Any

# Maximum size of an event pattern (see "Amazon EventBridge quotas" in the EventBridge User Guide).
MAX_PATTERN_CHARACTERS = 2048
# Maximum length of a partner event source's name (see "CreateEventBus" in the API Reference).
MAX_EVENT_SOURCE_NAME_CHARACTERS = 256

Pattern = dict[str, Any]


def topic_pattern(event_source_name: str, topics: Sequence[str]) -> Pattern:
    """Return the pattern that matches all events of these topics from one partner event source."""
    return {"source": [event_source_name], "detail-type": list(topics)}


def queue_patterns(
    event_source_name: str, topics: Sequence[str], queue_ids: Sequence[str]
) -> list[Pattern]:
    """Return patterns that together match every event with one of the topics and one of the ids.

    The ids fill one pattern after another. An id added at the end therefore leaves every other id
    in its pattern. Removing an id can only move later ids to earlier patterns.

    Parameters
    ----------
    event_source_name
        The partner event source's name. During a synth, it is a CDK token of unknown length, so
        each pattern has room for the longest possible name.
    """
    id_groups: list[list[str]] = []
    for queue_id in queue_ids:
        if id_groups and _fits_in_pattern(topics, [*id_groups[-1], queue_id]):
            id_groups[-1].append(queue_id)
        else:
            id_groups.append([queue_id])
    return [_queue_pattern(event_source_name, topics, ids) for ids in id_groups]


def _queue_pattern(
    event_source_name: str, topics: Sequence[str], queue_ids: Sequence[str]
) -> Pattern:
    detail = {"eventBody": {"queueId": list(queue_ids)}}
    return {**topic_pattern(event_source_name, topics), "detail": detail}


def _fits_in_pattern(topics: Sequence[str], queue_ids: Sequence[str]) -> bool:
    longest_name = "s" * MAX_EVENT_SOURCE_NAME_CHARACTERS
    pattern = _queue_pattern(longest_name, topics, queue_ids)
    # json.dumps adds spaces. They are counted because the CDK or CloudFormation may add them too.
    return len(json.dumps(pattern)) <= MAX_PATTERN_CHARACTERS
