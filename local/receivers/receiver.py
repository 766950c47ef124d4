"""The base class of services that receive ends on loopback and can refuse an end at first."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from local.http.messages import Answer
from local.http.server import HttpServer

End = tuple[str, str]
"""An end's conversation id and queue id, or the key of its ledger item."""
Content = Mapping[str, Any]
"""An end as JSON."""


def queue_end(content: Content) -> End:
    """Return an end's conversation id and queue id."""
    return content["conversation_id"], content["queue_id"]


def ledger_end(content: Content) -> End:
    """Return the key of an end's ledger item, which tells the ends in a queue apart."""
    conversation_id, queue_id = queue_end(content)
    sequence = content["sequence"]
    return conversation_id, queue_id if sequence == 1 else f"{queue_id}#{sequence}"


class Receiver:
    """A service that receives ends.

    Attributes
    ----------
    server
        The service's HTTP server.
    identify
        Returns the key under which an end is counted.
    keeps_ends
        Whether to keep the accepted ends in `ends`.
    kinds
        How many ends the service accepted, keyed by their `details` and `source`.
    refusals
        For each conversation id, the number of times to refuse an end before accepting it.
    arrivals
        For each end, the epoch seconds of every time the service accepted it.
    end_ids
        For each end, how often each `end_id` arrived with it.
    ends
        The accepted ends as JSON, without the events that they come from.
    refused
        For each end, the number of times the service has refused it.
    """

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.identify: Callable[[Content], End] = queue_end
        self.keeps_ends = True
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.refusals: dict[str, int] = {}
        self._arrivals: defaultdict[End, list[float]] = defaultdict(list)
        self._end_ids: defaultdict[End, Counter[str]] = defaultdict(Counter)
        self.ends: list[dict[str, Any]] = []
        self.refused: Counter[End] = Counter()
        self._lock = threading.Lock()

    @property
    def arrivals(self) -> dict[End, list[float]]:
        with self._lock:
            return {end: list(times) for end, times in self._arrivals.items()}

    @property
    def end_ids(self) -> dict[End, Counter[str]]:
        with self._lock:
            return {end: Counter(ids) for end, ids in self._end_ids.items()}

    @property
    def end_count(self) -> int:
        """The number of ends that the service accepted, without repeats."""
        return len(self._arrivals)

    def receive(self, end_id: str, content: Content) -> Answer:
        """Record an end and answer 204; if the end is to be refused, answer 503."""
        end = self.identify(content)
        with self._lock:
            if self.refused[end] < self.refusals.get(end[0], 0):
                self.refused[end] += 1
                return Answer(503)
            self._arrivals[end].append(time.time())
            self._end_ids[end][end_id] += 1
            self.kinds[content.get("details", ""), content.get("source", "")] += 1
            if self.keeps_ends:
                self.ends.append({name: value for name, value in content.items() if name != "raw"})
            return Answer(204)
