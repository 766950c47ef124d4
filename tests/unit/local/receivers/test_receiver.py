"""A receiver records the ends that it accepts."""

from local.http.server import HttpServer
from local.receivers.receiver import Receiver, ledger_end

END = {
    "conversation_id": "c1",
    "queue_id": "q1",
    "details": "complete",
    "source": "backfill",
}


def test_a_receiver_keeps_what_it_accepted_without_the_event() -> None:
    with HttpServer() as server:
        receiver = Receiver(server)
        receiver.refusals = {"c1": 1}
        statuses = [receiver.receive("e1", {**END, "raw": {}}).status for _ in range(2)]
        assert statuses == [503, 204]
        assert receiver.ends == [END]
        assert receiver.kinds == {("complete", "backfill"): 1}


def test_a_receiver_can_tell_the_ends_of_a_re_opened_conversation_apart() -> None:
    with HttpServer() as server:
        receiver = Receiver(server)
        receiver.identify, receiver.keeps_ends = ledger_end, False
        for sequence in (1, 2, 2):
            receiver.receive(f"e{sequence}", {**END, "sequence": sequence})

        counts = {end: len(times) for end, times in receiver.arrivals.items()}
        assert counts == {("c1", "q1"): 1, ("c1", "q1#2"): 2}
        assert receiver.end_count == 2
        assert receiver.ends == []
