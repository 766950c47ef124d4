"""The webhook receiver: it records genuine ends and can refuse them at first."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.receivers.webhook import WebhookReceiver, is_genuine, webhook_receiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


def post(
    receiver: WebhookReceiver,
    conversation_id: str = "c-1",
    *,
    secret: str = "",
    age: int = 0,
    tampered: bytes = b"",
) -> int:
    """Send an end by Standard Webhooks; return the status of the answer."""
    body = json.dumps({"data": {"conversation_id": conversation_id, "queue_id": "q"}}).encode()
    webhook_id, sent_at = f"{conversation_id}:q:1", str(int(time.time()) - age)
    key = base64.b64decode((secret or receiver.secret).removeprefix("whsec_"))
    digest = hmac.digest(key, f"{webhook_id}.{sent_at}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    with requests.Session() as session:
        session.trust_env = False
        return session.post(receiver.url, data=body + tampered, headers=headers).status_code


def test_the_time_of_every_arrival_is_recorded_by_end(receiver: WebhookReceiver) -> None:
    before = time.time()
    statuses = [post(receiver), post(receiver), post(receiver, "c-2")]

    assert statuses == [204, 204, 204]
    assert {end: len(times) for end, times in receiver.arrivals.items()} == {
        ("c-1", "q"): 2,
        ("c-2", "q"): 1,
    }
    assert all(before <= at <= time.time() for at in receiver.arrivals["c-1", "q"])


@pytest.mark.parametrize(
    "wrong", [{"secret": "whsec_b3RoZXI="}, {"age": 600}, {"age": -600}, {"tampered": b" "}]
)
def test_a_request_that_is_not_genuine_is_refused_and_counted(
    receiver: WebhookReceiver, wrong: dict[str, Any]
) -> None:
    assert post(receiver, **wrong) == 401
    assert receiver.forged == 1
    assert receiver.arrivals == {}


def test_a_conversation_is_refused_as_often_as_its_refusals_say(
    receiver: WebhookReceiver,
) -> None:
    receiver.refusals["c-1"] = 2

    assert [post(receiver) for _ in range(3)] == [503, 503, 204]
    assert receiver.refused["c-1", "q"] == 2
    assert len(receiver.arrivals["c-1", "q"]) == 1


def test_one_good_signature_of_several_is_enough() -> None:
    now = str(int(time.time()))
    digest = hmac.digest(b"key", f"id.{now}.body".encode(), hashlib.sha256)
    good = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": "id", "webhook-timestamp": now, "webhook-signature": f"v1,bm8= {good}"}

    assert is_genuine(headers, b"body", b"key")
    assert not is_genuine({**headers, "webhook-signature": "v1,bm8="}, b"body", b"key")
    assert not is_genuine({}, b"body", b"key")
