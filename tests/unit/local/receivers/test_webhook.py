"""The webhook receiver records genuine ends and can refuse some at first."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.receivers.webhook import WebhookReceiver, is_genuine, run_webhook_receiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with run_webhook_receiver() as receiver:
        yield receiver


def post(
    receiver: WebhookReceiver,
    conversation_id: str = "c-1",
    *,
    secret: str = "",
    age: int = 0,
    tampered: bytes = b"",
) -> int:
    """Post an end as Standard Webhooks specifies; return the response's status."""
    body = json.dumps({"data": {"conversation_id": conversation_id, "queue_id": "q"}}).encode()
    webhook_id, sent_at = "0123456789abcdef" * 2, str(int(time.time()) - age)
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


def test_the_arrival_times_of_each_end_are_recorded(receiver: WebhookReceiver) -> None:
    before = time.time()
    statuses = [post(receiver), post(receiver), post(receiver, "c-2")]

    assert statuses == [204, 204, 204]
    assert {end: len(times) for end, times in receiver.arrivals.items()} == {
        ("c-1", "q"): 2,
        ("c-2", "q"): 1,
    }
    assert all(before <= at <= time.time() for at in receiver.arrivals["c-1", "q"])
    assert receiver.end_ids["c-1", "q"] == {"0123456789abcdef" * 2: 2}


@pytest.mark.parametrize(
    "changes", [{"secret": "whsec_b3RoZXI="}, {"age": 600}, {"age": -600}, {"tampered": b" "}]
)
def test_a_request_that_is_not_genuine_is_refused_and_counted(
    receiver: WebhookReceiver, changes: dict[str, Any]
) -> None:
    assert post(receiver, **changes) == 401
    assert receiver.forged == 1
    assert receiver.arrivals == {}


def test_a_conversation_is_refused_as_often_as_its_refusals_say(
    receiver: WebhookReceiver,
) -> None:
    receiver.refusals["c-1"] = 2

    assert [post(receiver) for _ in range(3)] == [503, 503, 204]
    assert receiver.refused["c-1", "q"] == 2
    assert len(receiver.arrivals["c-1", "q"]) == 1


def test_one_valid_signature_among_several_is_enough() -> None:
    now = str(int(time.time()))
    digest = hmac.digest(b"key", f"id.{now}.body".encode(), hashlib.sha256)
    valid = f"v1,{base64.b64encode(digest).decode()}"
    headers = {
        "webhook-id": "id",
        "webhook-timestamp": now,
        "webhook-signature": f"v1,bm8= {valid}",
    }

    assert is_genuine(headers, b"body", b"key")
    assert not is_genuine({**headers, "webhook-signature": "v1,bm8="}, b"body", b"key")
    assert not is_genuine({}, b"body", b"key")
