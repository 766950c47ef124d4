"""A webhook receiver on loopback that verifies Standard Webhooks signatures."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.http.messages import Answer, Request
from local.http.server import HttpServer
from local.receivers.receiver import Receiver

TOLERANCE_SECONDS = 300
"""The greatest difference between a request's timestamp and the present time."""


class WebhookReceiver(Receiver):
    """A webhook receiver that accepts only requests signed with its key.

    Attributes
    ----------
    secret
        The signing key, in the form that the secret `webhook_secret` needs.
    forged
        The number of requests without a valid signature and timestamp.
    """

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self._key = secrets.token_bytes(32)
        self.secret = "whsec_" + base64.b64encode(self._key).decode()
        self.forged = 0

    @property
    def url(self) -> str:
        return f"{self.server.url}/conversation-ended"

    def respond(self, request: Request) -> Answer:
        """Accept or refuse the end in a request's body; answer 401 if the request is forged."""
        if not is_genuine(request.headers, request.body, self._key):
            self.forged += 1
            return Answer(401)
        return self.receive(request.headers["webhook-id"], request.json["data"])


@contextmanager
def run_webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a webhook receiver on a free loopback port."""
    with HttpServer() as server:
        receiver = WebhookReceiver(server)
        server.respond = receiver.respond
        yield receiver


def is_genuine(headers: Mapping[str, str], body: bytes, key: bytes) -> bool:
    """Return whether a request has a current timestamp and a signature made with `key`.

    Source: Standard Webhooks, "Signature scheme".
    """
    sent_at = headers.get("webhook-timestamp") or ""
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    signatures = (headers.get("webhook-signature") or "").encode().split()
    return any(hmac.compare_digest(expected, signature) for signature in signatures)
