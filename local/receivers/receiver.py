"""The base class of services that receive ends on loopback and can refuse an end at first."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from local.http.messages import Answer
from local.http.server import HttpServer

End = tuple[str, str]
"""An end's conversation id and queue id."""


class Receiver:
    """A service that receives ends.

    Attributes
    ----------
    server
        The service's HTTP server.
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

    def receive(self, end: End, end_id: str, content: Mapping[str, Any]) -> Answer:
        """Record an end and answer 204; if the end is to be refused, answer 503."""
        with self._lock:
            if self.refused[end] < self.refusals.get(end[0], 0):
                self.refused[end] += 1
                return Answer(503)
            self._arrivals[end].append(time.time())
            self._end_ids[end][end_id] += 1
            self.ends.append({name: value for name, value in content.items() if name != "raw"})
            return Answer(204)
