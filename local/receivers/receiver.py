"""A service on loopback that records the ends it receives and can refuse some at first."""

import threading
import time
from collections import Counter, defaultdict

from local.http.messages import Answer
from local.http.server import HttpServer

End = tuple[str, str]
"""The ids of a conversation and its queue."""


class Receiver:
    """The record of a service that receives ends.

    Attributes
    ----------
    server
        The service's HTTP server.
    refusals
        How often to refuse the ends of a conversation before accepting them, by conversation id.
    arrivals
        The times, in epoch seconds, at which the service accepted each end. A second time means
        that the end arrived twice.
    refused
        How often the service has refused each end.
    """

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.refusals: dict[str, int] = {}
        self._arrivals: defaultdict[End, list[float]] = defaultdict(list)
        self.refused: Counter[End] = Counter()
        self._lock = threading.Lock()

    @property
    def arrivals(self) -> dict[End, list[float]]:
        with self._lock:
            return {end: list(times) for end, times in self._arrivals.items()}

    def receive(self, end: End) -> Answer:
        """Accept and record an end, or refuse it as often as `refusals` says."""
        with self._lock:
            if self.refused[end] < self.refusals.get(end[0], 0):
                self.refused[end] += 1
                return Answer(503)
            self._arrivals[end].append(time.time())
            return Answer(204)
