"""A CRM on loopback that is told of ended conversations."""

from collections.abc import Iterator
from contextlib import contextmanager

from local.http.messages import Answer, Request
from local.http.server import HttpServer
from local.receivers.receiver import End, Receiver

__all__ = ["Crm", "End", "crm"]


class Crm(Receiver):
    """Takes `PUT /conversations/{id}/queues/{id}`."""

    @property
    def url(self) -> str:
        return self.server.url

    def respond(self, request: Request) -> Answer:
        """Take the end that a request's path names."""
        _, _, conversation_id, _, queue_id = request.path.split("/")
        return self.take((conversation_id, queue_id))


@contextmanager
def crm() -> Iterator[Crm]:
    """Run a CRM on a free loopback port."""
    with HttpServer() as server:
        told = Crm(server)
        server.respond = told.respond
        yield told
