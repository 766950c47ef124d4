"""The webhook's requests, verified by an independent implementation of Standard Webhooks."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from local.http.messages import Request
from local.receivers.webhook import is_genuine
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.ends import make_end
from tests.fakes.webhook_receiver import (
    LONG_SECONDS,
    OTHER_SECRET,
    SECRET,
    SECRET_NAME,
    Receiver,
    webhook_to,
)

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
END = make_end("c-ö", name="Ä 😀")


def sent_request(secret: str = SECRET, *, seconds_ago: int = 0) -> Request:
    """Return the request that a receiver gets for an end."""
    secrets = FakeSecrets(**{SECRET_NAME: secret})
    with (
        Receiver() as receiver,
        webhook_to(receiver.url, secrets, now=lambda: time.time() - seconds_ago) as webhook,
    ):
        (receipt,) = webhook.deliver([END], Clock().deadline(LONG_SECONDS))
    assert receipt.kind == "arrived"
    (request,) = receiver.requests
    return request


def is_accepted(body: bytes, headers: Mapping[str, str], secret: str = SECRET) -> bool:
    """Return whether the library accepts a request; our own receiver must agree."""
    try:
        verified: Any = Verifier(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        is_verified = False
    else:
        is_verified = True
        assert verified == json.loads(body)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert is_genuine(headers, body, key) == is_verified
    return is_verified


def changed(request: Request, **headers: str) -> dict[str, str]:
    """Return a request's headers, some of them changed; `webhook_id` stands for `webhook-id`."""
    changes = {name.replace("_", "-"): value for name, value in headers.items()}
    assert changes.keys() <= {ID, TIMESTAMP, SIGNATURE}
    return {name.lower(): value for name, value in request.headers.items()} | changes


@pytest.fixture(scope="module")
def request_() -> Request:
    return sent_request()


def test_a_request_is_accepted_as_sent(request_: Request) -> None:
    assert is_accepted(request_.body, request_.headers)
    assert request_.json["data"] == json.loads(END.as_json())


def test_a_changed_request_is_refused(request_: Request) -> None:
    later = str(int(request_.headers[TIMESTAMP]) + 1)
    other_version = request_.headers[SIGNATURE].replace("v1,", "v2,")

    assert not is_accepted(request_.body.replace(b"ended", b"begun"), changed(request_))
    assert not is_accepted(request_.body + b" ", changed(request_))
    assert not is_accepted(request_.body, changed(request_, webhook_id="another-id"))
    assert not is_accepted(request_.body, changed(request_, webhook_timestamp=later))
    assert not is_accepted(request_.body, changed(request_, webhook_signature=other_version))
    assert not is_accepted(request_.body, changed(request_, webhook_signature=""))


def test_a_request_for_another_key_is_refused(request_: Request) -> None:
    assert not is_accepted(request_.body, request_.headers, OTHER_SECRET)


@pytest.mark.parametrize("seconds_ago", [3600, -3600])
def test_a_request_of_another_time_is_refused(seconds_ago: int) -> None:
    stale = sent_request(seconds_ago=seconds_ago)

    assert not is_accepted(stale.body, stale.headers)


def test_during_a_rotation_a_request_is_accepted_with_either_key() -> None:
    rotating = sent_request(f"{OTHER_SECRET} {SECRET}")

    assert is_accepted(rotating.body, rotating.headers, SECRET)
    assert is_accepted(rotating.body, rotating.headers, OTHER_SECRET)
    assert not is_accepted(rotating.body + b" ", rotating.headers, SECRET)
