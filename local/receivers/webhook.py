"""A receiver of webhooks on loopback, by Standard Webhooks."""

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

TOLERANCE = 300
"""Seconds by which a webhook's timestamp may be wrong."""


class WebhookReceiver(Receiver):
    """Takes what is signed with its key, and refuses everything else.

    Attributes
    ----------
    secret
        The key that signs, as the secret of the setting `webhook_secret` holds it.
    forged
        How many requests had no good signature or timestamp.
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
        """Take the end in a request's body."""
        if not is_genuine(request.headers, request.body, self._key):
            self.forged += 1
            return Answer(401)
        data = request.json["data"]
        return self.take((data["conversation_id"], data["queue_id"]))


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver of webhooks on a free loopback port."""
    with HttpServer() as server:
        told = WebhookReceiver(server)
        server.respond = told.respond
        yield told


def is_genuine(headers: Mapping[str, str], body: bytes, key: bytes) -> bool:
    """Return whether one of a request's signatures was made with a key, and of late.

    Standard Webhooks, "Signature scheme".
    """
    sent_at = headers.get("webhook-timestamp") or ""
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    ours = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    theirs = (headers.get("webhook-signature") or "").encode().split()
    return any(hmac.compare_digest(ours, one) for one in theirs)
