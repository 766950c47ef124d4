"""A service on loopback that is told of ends: it notes them, and refuses some at first."""

import threading
import time
from collections import Counter, defaultdict

from local.http.messages import Answer
from local.http.server import HttpServer

End = tuple[str, str]
"""A conversation's id and a queue's."""


class Receiver:
    """The ends that a service was told of.

    Attributes
    ----------
    server
        What it listens with.
    refusals
        How often it is to refuse the ends of a conversation before it takes them.
    noted
        When it took each end, in `time.time()` seconds: more than one moment means that the same
        end was delivered more than once.
    refused
        How often it has refused each end.
    """

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.refusals: dict[str, int] = {}
        self._noted: defaultdict[End, list[float]] = defaultdict(list)
        self.refused: Counter[End] = Counter()
        self._lock = threading.Lock()

    @property
    def noted(self) -> dict[End, list[float]]:
        with self._lock:
            return {end: list(moments) for end, moments in self._noted.items()}

    def take(self, end: End) -> Answer:
        """Note an end, or refuse it if it is to be refused this time."""
        with self._lock:
            if self.refused[end] < self.refusals.get(end[0], 0):
                self.refused[end] += 1
                return Answer(503)
            self._noted[end].append(time.time())
            return Answer(204)
