"""The webhook: what is sent, what the answers mean, and how connections are used."""

import base64
import dataclasses
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from destinations.delivery import CALL_LIMIT, Delivery, Destination
from destinations.webhook import CONCURRENCY, Webhook, destination, verdict_on
from tests.bodies import CANARY
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.ends import ended
from tests.fakes.scripted_http import Answer, Asked
from tests.fakes.webhook_receiver import (
    SECRET,
    SECRET_NAME,
    Receiver,
    ends,
    lasting,
    webhook_to,
)

OTHER_SECRET = "whsec_" + base64.b64encode(b"another key of 24 bytes.").decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        assert not receiver.broken


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[Webhook]:
    with webhook_to(f"{receiver.url}/hooks/ends?tenant=7") as webhook:
        yield webhook


def delivered(webhook: Webhook, count: int = 1) -> dict[int, Delivery]:
    """Deliver ends within ten seconds; return what became of each."""
    deliveries = list(webhook.deliver(ends(count), lasting(10)))
    by_position = {delivery.position: delivery for delivery in deliveries}
    assert len(by_position) == len(deliveries)
    return by_position


def verdict(webhook: Webhook) -> tuple[str, str]:
    only = delivered(webhook)[0]
    return only.verdict, only.detail


def is_genuine(asked: Asked, secret: str) -> bool:
    """Verify a signature the way that docs/once.md shows to receivers."""
    headers, body = {name.lower(): value for name, value in asked.headers.items()}, asked.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    ours = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    theirs = headers["webhook-signature"].encode().split()
    return any(hmac.compare_digest(ours, one) for one in theirs)


def test_an_end_is_posted_as_standard_webhooks_has_it(receiver: Receiver) -> None:
    end = dataclasses.replace(ended("c-ö", name="Ä"), queue_id="q-1", sequence=3)
    with webhook_to(f"{receiver.url}/hooks/ends?tenant=7", now=lambda: 1_795_428_000.9) as webhook:
        assert list(webhook.deliver([end], lasting(10))) == [Delivery(0, "arrived", "answered 204")]
    (asked,) = receiver.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert (asked.method, asked.path, asked.query) == ("POST", "/hooks/ends", {"tenant": "7"})
    assert headers["content-type"] == "application/json"
    assert headers["host"] == receiver.url.removeprefix("http://")
    assert headers["webhook-id"] == "c-%C3%B6:q-1:3"
    assert headers["webhook-timestamp"] == "1795428000"
    assert is_genuine(asked, SECRET)
    assert not is_genuine(asked, OTHER_SECRET)
    assert asked.json == {
        "type": "conversation.ended",
        "timestamp": end.ended_at,
        "data": json.loads(end.as_json()),
    }


def test_every_try_of_an_end_has_the_same_id_and_body(webhook: Webhook, receiver: Receiver) -> None:
    receiver.script(Answer(503), Answer(204))
    assert verdict(webhook)[0] == "failed"
    assert verdict(webhook)[0] == "arrived"
    first, second = receiver.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_during_a_change_of_keys_each_of_them_signs(receiver: Receiver) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: f"{OTHER_SECRET} {SECRET}\n"})
    with webhook_to(receiver.url, secrets) as webhook:
        assert verdict(webhook)[0] == "arrived"
    assert is_genuine(receiver.asked[0], SECRET)
    assert is_genuine(receiver.asked[0], OTHER_SECRET)


ARRIVED = [200, 201, 202, 204, 299]
REFUSED = [400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505]
FAILED = [301, 302, 303, 307, 308, 401, 402, 403, 404, 408, 409, 418, 425, 429, 451]
FAILED += [500, 502, 503, 504, 507, 599]


@pytest.mark.parametrize(
    ("status", "verdict_expected"),
    [(status, "arrived") for status in ARRIVED]
    + [(status, "refused") for status in REFUSED]
    + [(status, "failed") for status in FAILED],
)
def test_the_status_decides(
    webhook: Webhook, receiver: Receiver, status: int, verdict_expected: str
) -> None:
    receiver.script(Answer(status))
    assert verdict(webhook) == (verdict_expected, f"answered {status}")


def test_every_status_has_a_verdict_and_only_listed_ones_are_final() -> None:
    statuses = range(100, 1000)
    assert [s for s in statuses if verdict_on(s) == "arrived"] == list(range(200, 300))
    assert [s for s in statuses if verdict_on(s) == "refused"] == REFUSED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(webhook: Webhook, receiver: Receiver, status: int) -> None:
    receiver.respond = lambda _: Answer(status, headers={"Location": f"{receiver.url}/elsewhere"})
    assert verdict(webhook)[0] == "failed"
    assert [asked.path for asked in receiver.asked] == ["/hooks/ends"]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 500])
def test_nothing_that_the_receiver_says_gets_into_the_detail(
    webhook: Webhook, receiver: Receiver, status: int
) -> None:
    location = {"Location": f"http://{CANARY}/", "X-Said": CANARY}
    receiver.script(Answer(status, {"message": CANARY}, location, reason=CANARY))
    assert verdict(webhook)[1] == f"answered {status}"


@pytest.mark.parametrize("fate", ["lost", "cut"])
def test_the_detail_of_a_failure_is_in_fixed_words(
    receiver: Receiver, fate: str, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.respond = lambda _: Answer(500, CANARY.encode(), fate=fate)  # type: ignore[arg-type]
    end = ended(CANARY, name=CANARY)
    with webhook_to(f"{receiver.url}/{CANARY}?{CANARY}") as webhook:
        (delivery,) = webhook.deliver([end], lasting(10))
    words = {"lost": "the connection failed (RemoteDisconnected)", "cut": "answered 500"}
    assert delivery == Delivery(0, "failed", words[fate])
    assert capfd.readouterr() == ("", "")


def test_a_refused_connection_fails_every_end_at_once() -> None:
    with Receiver() as gone:
        url = gone.url
    with webhook_to(url) as webhook:
        deliveries = delivered(webhook, 20)
    assert {(d.verdict, d.detail) for d in deliveries.values()} == {
        ("failed", "the connection was refused")
    }
    assert len(deliveries) == 20


def test_a_name_that_nobody_knows_fails() -> None:
    with webhook_to("https://nobody.invalid", resolve=_unknown) as webhook:
        assert verdict(webhook) == ("failed", "the host's name cannot be resolved")


def _unknown(host: str, port: int) -> list[str]:
    raise socket.gaierror(-2, f"unknown: {host} {port}")


def test_one_that_fails_keeps_no_other_from_arriving(webhook: Webhook, receiver: Receiver) -> None:
    receiver.respond = lambda asked: Answer(
        {"c-3": 500, "c-5": 410}.get(asked.json["data"]["conversation_id"], 204)
    )
    verdicts = [delivery.verdict for _, delivery in sorted(delivered(webhook, 10).items())]
    assert verdicts == ["arrived"] * 3 + ["failed", "arrived", "refused"] + ["arrived"] * 4


def test_no_ends_cost_nothing(webhook: Webhook, receiver: Receiver) -> None:
    assert delivered(webhook, 0) == {}
    assert receiver.connections == 0


def test_connections_are_used_again_within_a_batch_and_after_it(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.respond = lambda _: Answer(body={"thanks": True})
    for _ in range(3):
        assert len(delivered(webhook, 30)) == 30
    assert len(receiver.asked) == 90
    assert 1 <= receiver.connections <= CONCURRENCY


def test_one_end_after_the_other_goes_over_one_connection(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.script(Answer(500, b"x" * 999), Answer(204), Answer(200), Answer(410, {"no": "more"}))
    assert [verdict(webhook)[1] for _ in range(4)] == [
        "answered 500",
        "answered 204",
        "answered 200",
        "answered 410",
    ]
    assert receiver.connections == 1


def test_a_connection_that_was_closed_while_unused_costs_nothing(
    webhook: Webhook, receiver: Receiver
) -> None:
    assert verdict(webhook)[0] == "arrived"
    receiver.hang_up()
    assert verdict(webhook)[0] == "arrived"
    assert (len(receiver.asked), receiver.connections) == (2, 2)


def test_a_kept_connection_that_breaks_off_without_an_answer_is_replaced_once(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.script(Answer(204), Answer(fate="lost"), Answer(fate="lost"))
    assert verdict(webhook)[0] == "arrived"
    assert verdict(webhook) == ("failed", "the connection failed (RemoteDisconnected)")
    assert (len(receiver.asked), receiver.connections) == (3, 2)


def test_a_request_on_a_new_connection_is_not_repeated(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.script(Answer(fate="lost"))
    assert verdict(webhook)[0] == "failed"
    assert len(receiver.asked) == 1


def test_a_connection_that_was_unused_for_long_is_not_trusted(receiver: Receiver) -> None:
    clock = Clock()
    with webhook_to(receiver.url, now=clock) as webhook:
        clock.now = 1000
        for seconds, connections in [(0, 1), (49, 1), (51, 2)]:
            clock.now += seconds
            assert verdict(webhook)[0] == "arrived"
            assert receiver.connections == connections


def test_a_receiver_that_closes_connections_gets_new_ones(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.respond = lambda _: Answer(204, headers={"Connection": "close"})
    assert [verdict(webhook)[0] for _ in range(3)] == ["arrived"] * 3
    assert receiver.connections == 3


def test_a_long_answer_is_not_read_to_its_end(webhook: Webhook, receiver: Receiver) -> None:
    receiver.script(Answer(200, b"x" * 50_000_000), Answer(204))
    assert verdict(webhook)[0] == "arrived"
    assert verdict(webhook)[0] == "arrived"
    assert receiver.connections == 2


def test_several_calls_go_on_at_the_same_time_and_no_more(
    webhook: Webhook, receiver: Receiver
) -> None:
    counting = threading.Lock()
    all_there = threading.Barrier(CONCURRENCY, timeout=8)
    at_once = [0]
    most = [0]

    def respond(_: Asked) -> Answer:
        with counting:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        all_there.wait()
        with counting:
            at_once[0] -= 1
        all_there.wait()
        return Answer(204)

    receiver.respond = respond
    deliveries = delivered(webhook, 3 * CONCURRENCY)
    assert {delivery.verdict for delivery in deliveries.values()} == {"arrived"}
    assert most == [CONCURRENCY]


def test_the_secret_is_read_at_the_first_end_and_kept(receiver: Receiver) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to(receiver.url, secrets) as webhook:
        assert secrets.reads == []
        assert len(delivered(webhook, 20)) == 20
        assert verdict(webhook)[0] == "arrived"
    assert secrets.reads == [SECRET_NAME]


def test_a_changed_secret_is_read_when_the_receiver_no_longer_takes_the_old_one(
    receiver: Receiver,
) -> None:
    secrets, clock = FakeSecrets(**{SECRET_NAME: SECRET}), Clock(1000.0)
    receiver.respond = lambda asked: Answer(204 if is_genuine(asked, OTHER_SECRET) else 401)
    with webhook_to(receiver.url, secrets, now=clock) as webhook:
        assert verdict(webhook) == ("failed", "answered 401")
        secrets.put(SECRET_NAME, OTHER_SECRET)
        clock.now += 30  # when the message comes back
        assert verdict(webhook)[0] == "arrived"


def test_without_a_key_every_end_fails_and_nothing_is_sent(receiver: Receiver) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: CANARY})
    with webhook_to(receiver.url, secrets) as webhook:
        deliveries = delivered(webhook, 20)
    assert {delivery.verdict for delivery in deliveries.values()} == {"failed"}
    (detail,) = {delivery.detail for delivery in deliveries.values()}
    assert detail.startswith(f"secret '{SECRET_NAME}' is no key: expected whsec_")
    assert CANARY not in detail
    assert len(deliveries) == 20
    assert receiver.connections == 0
    assert len(secrets.reads) == 1


def test_it_is_made_from_the_workers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    environment = {"WEBHOOK_URL": "https://hooks.example.com/a", "WEBHOOK_SECRET": SECRET_NAME}
    made = destination(environment | {"WEBHOOK_ALLOW_PRIVATE": "false"})
    as_one: Destination = made
    assert as_one.name == "webhook"
    assert made.limit == CALL_LIMIT == 10
