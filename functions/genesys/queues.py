"""The requests that look up queues: their names by id, and queues with similar names.

The requests are those of the Platform API's category *Routing*. They need the permission
`routing:queue:view`. Genesys Cloud leaves out ids that the org does not have, and queues of
divisions for which the OAuth client has no role.
"""

import difflib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from genesys.client import GenesysClient
from genesys.errors import GenesysError
from genesys.queue_ids import is_uuid

PATH = "/api/v2/routing/queues"
PERMISSION = "routing:queue:view"
# Keeps the URL of a request short: 50 UUIDs have 1,900 characters.
_IDS_PER_REQUEST = 50
# A search through all queues stops after this many, so that it ends in an org of any size.
_MAX_SEARCHED_QUEUES = 5_000
_MAX_SIMILAR_QUEUES = 3
_MIN_NAME_SIMILARITY = 0.6
# Two unrelated UUIDs are less similar than this. Two that differ by a typing mistake are more.
_MIN_ID_SIMILARITY = 0.9


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the org; the name is empty if Genesys Cloud does not give one."""

    id: str
    name: str


def find_queues(genesys: GenesysClient, queue_ids: Sequence[str]) -> dict[str, Queue]:
    """Return the queues with these ids, keyed by id; ids that the org does not have are absent.

    Raises
    ------
    GenesysError
        The lookup failed; with the status 403, the OAuth client lacks `PERMISSION`.
    """
    # An id that is no UUID is a mistake, such as a queue's name. It is not sent, because Genesys
    # Cloud may refuse a list with such an id.
    uuids = [queue_id for queue_id in queue_ids if is_uuid(queue_id)]
    found: dict[str, Queue] = {}
    for start in range(0, len(uuids), _IDS_PER_REQUEST):
        chunk = uuids[start : start + _IDS_PER_REQUEST]
        try:
            queues = list(_iterate_queues(genesys, {"id": ",".join(chunk)}))
        except GenesysError as error:
            # The API reference does not say whether an unknown id in the list is an error.
            if error.status not in (400, 404):
                raise
            queues = _list_queues(genesys)
        found |= {queue.id: queue for queue in queues}
    return {queue_id: found[queue_id] for queue_id in uuids if queue_id in found}


def find_similar_queues(genesys: GenesysClient, texts: Iterable[str]) -> dict[str, list[Queue]]:
    """Return up to three queues for each text whose names or ids resemble the text.

    Parameters
    ----------
    texts
        Ids that the org does not have, which may be queues' names.
    """
    queues = _list_queues(genesys)
    return {text: _similar_queues(text, queues) for text in texts}


def _list_queues(genesys: GenesysClient) -> list[Queue]:
    """Return the queues of the org, or as many as a search takes into account."""
    return list(itertools.islice(_iterate_queues(genesys, {}), _MAX_SEARCHED_QUEUES))


def _iterate_queues(genesys: GenesysClient, query: dict[str, str]) -> Iterator[Queue]:
    for entity in genesys.iterate_entities(PATH, query):
        queue_id, name = entity.get("id"), entity.get("name")
        if isinstance(queue_id, str):
            yield Queue(queue_id.lower(), name if isinstance(name, str) else "")


def _similar_queues(text: str, queues: Sequence[Queue]) -> list[Queue]:
    wanted = text.lower()
    scores = [
        (score, -position)
        for position, queue in enumerate(queues)
        if (score := _similarity(wanted, queue)) > 0
    ]
    best = sorted(scores, reverse=True)[:_MAX_SIMILAR_QUEUES]
    return [queues[-position] for _, position in best]


def _similarity(wanted: str, queue: Queue) -> float:
    """Return how similar a queue is to a text, from 0 (not similar) to 1 (the same)."""
    name = queue.name.lower()
    name_score = _ratio(wanted, name, _MIN_NAME_SIMILARITY)
    if wanted in name:
        name_score = max(name_score, _MIN_NAME_SIMILARITY)
    return max(name_score, _ratio(wanted, queue.id, _MIN_ID_SIMILARITY))


def _ratio(text: str, other: str, minimum: float) -> float:
    matcher = difflib.SequenceMatcher(a=text, b=other)
    # The quick ratios are upper bounds, which rule out most queues of a large org in little time.
    if matcher.real_quick_ratio() < minimum or matcher.quick_ratio() < minimum:
        return 0
    ratio = matcher.ratio()
    return ratio if ratio >= minimum else 0
