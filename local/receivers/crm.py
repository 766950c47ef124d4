"""A CRM on loopback, which receives ends from the action in crm_action.py."""

from collections.abc import Iterator
from contextlib import contextmanager

from local.http.messages import Answer, Request
from local.http.server import HttpServer
from local.receivers.receiver import Receiver


class Crm(Receiver):
    """A CRM with the operation `PUT /conversations/{id}/queues/{id}/ends/{id}`."""

    @property
    def url(self) -> str:
        return self.server.url

    def respond(self, request: Request) -> Answer:
        """Accept or refuse the end that a request's path identifies."""
        return self.receive(request.path.rpartition("/")[2], request.json)


@contextmanager
def run_crm() -> Iterator[Crm]:
    """Run a CRM on a free loopback port."""
    with HttpServer() as server:
        crm = Crm(server)
        server.respond = crm.respond
        yield crm
