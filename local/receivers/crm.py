"""A CRM on loopback that receives ends from the demo's action."""

from collections.abc import Iterator
from contextlib import contextmanager

from local.http.messages import Answer, Request
from local.http.server import HttpServer
from local.receivers.receiver import End, Receiver

__all__ = ["Crm", "End", "crm"]


class Crm(Receiver):
    """A CRM that answers `PUT /conversations/{id}/queues/{id}`."""

    @property
    def url(self) -> str:
        return self.server.url

    def respond(self, request: Request) -> Answer:
        """Accept or refuse the end in a request's path."""
        _, _, conversation_id, _, queue_id = request.path.split("/")
        return self.receive((conversation_id, queue_id))


@contextmanager
def crm() -> Iterator[Crm]:
    """Run a CRM on a free loopback port."""
    with HttpServer() as server:
        running = Crm(server)
        server.respond = running.respond
        yield running
