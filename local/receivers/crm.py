"""A CRM on loopback that notes ended conversations, and refuses some of them at first."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from local.http.messages import Answer, Request
from local.http.server import HttpServer

End = tuple[str, str]
"""A conversation's id and a queue's."""


class Crm:
    """What the CRM was told: `PUT /conversations/{id}/queues/{id}`.

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

    server: HttpServer

    def __init__(self) -> None:
        self.refusals: dict[str, int] = {}
        self.noted: defaultdict[End, list[float]] = defaultdict(list)
        self.refused: Counter[End] = Counter()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self.server.url

    def take(self, request: Request) -> Answer:
        """Note an end, or refuse it if it is to be refused this time."""
        _, _, conversation_id, _, queue_id = request.path.split("/")
        end = conversation_id, queue_id
        with self._lock:
            if self.refused[end] < self.refusals.get(conversation_id, 0):
                self.refused[end] += 1
                return Answer(503)
            self.noted[end].append(time.time())
            return Answer(204)


@contextmanager
def crm() -> Iterator[Crm]:
    """Run a CRM on a free loopback port."""
    told = Crm()
    with HttpServer(told.take) as told.server:
        yield told
