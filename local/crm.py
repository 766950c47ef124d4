"""A CRM on loopback that notes ended conversations, and refuses some of them at first."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

End = tuple[str, str]
"""A conversation's id and a queue's."""


class Crm:
    """What the CRM was told.

    Attributes
    ----------
    refusals
        How often it is to refuse the ends of a conversation before it takes them.
    noted
        When it took each end, in `time.time()` seconds: more than one moment means that the same
        end was delivered more than once.
    refused
        How often it has refused each end.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refusals: dict[str, int] = {}
        self.noted: defaultdict[End, list[float]] = defaultdict(list)
        self.refused: Counter[End] = Counter()
        self._lock = threading.Lock()

    def take(self, end: End) -> bool:
        """Note an end; return False where it is to be refused this time."""
        with self._lock:
            if self.refused[end] < self.refusals.get(end[0], 0):
                self.refused[end] += 1
                return False
            self.noted[end].append(time.time())
            return True


@contextmanager
def crm() -> Iterator[Crm]:
    """Run a CRM on a free loopback port: `PUT /conversations/{id}/queues/{id}`."""
    told = Crm()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            _, _, conversation_id, _, queue_id = self.path.split("/")
            self.send_response(204 if told.take((conversation_id, queue_id)) else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
