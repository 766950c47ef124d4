"""A receiver records the ends that it accepts."""

from local.http.server import HttpServer
from local.receivers.receiver import Receiver


def test_a_receiver_keeps_what_it_accepted_without_the_event() -> None:
    with HttpServer() as server:
        receiver = Receiver(server)
        receiver.refusals = {"c1": 1}
        statuses = [
            receiver.receive(("c1", "q1"), "e1", {"details": "complete", "raw": {}}).status
            for _ in range(2)
        ]
        assert statuses == [503, 204]
        assert receiver.ends == [{"details": "complete"}]
