"""A request's id and signature by Standard Webhooks, and the secret with the keys."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from aws_calls import CALL_ERRORS, CallError, call_once, code_of, is_transient
from conversations.end import ConversationEnd
from deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Seconds after which the secret is read again, so that a change is noticed.
KEEP_SECONDS = 300.0
# The same after the receiver refused a signature, or Secrets Manager failed.
KEEP_SECONDS_IN_DOUBT = 10.0
# Seconds that reading it may take.
READ_LIMIT = 3.0

PREFIX = "whsec_"
EXPECTED = f"expected {PREFIX} and the key in base64, nothing else (several: separated by a space)"


class SecretUnusable(Exception):
    """The secret cannot be read or holds no key; the text names it and quotes nothing from it."""


class SigningKeys:
    """The keys in a secret, read when they are first needed and kept for some minutes.

    Parameters
    ----------
    secrets
        A Secrets Manager client.
    name
        The secret's name; its string is the key itself, or several during a change of keys.
    now
        Returns epoch seconds: Lambda may freeze the process, and a monotonic clock with it.
    """

    def __init__(
        self,
        secrets: "SecretsManagerClient",
        name: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = secrets
        self._name = name
        self._now = now
        self._keys: Sequence[bytes] = ()
        self._read_at = 0.0
        self._keep_seconds = KEEP_SECONDS

    def current(self, deadline: Deadline) -> Sequence[bytes]:
        """Return the keys; every request is signed with each of them.

        Raises
        ------
        SecretUnusable
            The text says what is wrong with the secret and what was expected.
        """
        if not self._keys or self._now() - self._read_at >= self._keep_seconds:
            self._keys = self._read(deadline)
        return self._keys

    def read_again_soon(self) -> None:
        """Have the secret read again soon: the receiver refused a signature."""
        self._keep_seconds = KEEP_SECONDS_IN_DOUBT

    def _read(self, deadline: Deadline) -> Sequence[bytes]:
        kept, self._keys = self._keys, ()
        self._read_at = self._now()
        try:
            answer = call_once(
                deadline.within(READ_LIMIT), self._secrets.get_secret_value, SecretId=self._name
            )
        except CALL_ERRORS as error:
            if kept and is_transient(error):
                self._keep_seconds = KEEP_SECONDS_IN_DOUBT
                return kept
            raise SecretUnusable(_why_unreadable(self._name, error)) from error
        self._keep_seconds = KEEP_SECONDS
        try:
            return keys_of(answer.get("SecretString") or "")
        except ValueError:  # whose text would quote the secret
            raise SecretUnusable(f"secret {self._name!r} is no key: {EXPECTED}") from None


def keys_of(secret: str) -> Sequence[bytes]:
    """Return the keys in a secret's string.

    Raises
    ------
    ValueError
        If it holds none, or anything besides keys.
    """
    keys = []
    for text in secret.split():
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        if not text.startswith(PREFIX) or not key:
            raise ValueError(EXPECTED)
        keys.append(key)
    if not keys:
        raise ValueError(EXPECTED)
    return keys


def id_of(end: ConversationEnd) -> str:
    """Return the end's `webhook-id`, which is the same for every try and differs between ends.

    Ids may be any text. Percent-encoded they are a legal header and have neither the colon that
    separates them here nor the full stop that separates the id from what is signed with it.
    """
    parts = (end.conversation_id, end.queue_id, str(end.sequence))
    return ":".join(quote(part, safe="").replace(".", "%2E") for part in parts)


def signature(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a request: one signature for each key.

    Parameters
    ----------
    timestamp
        Epoch seconds.
    """
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _why_unreadable(name: str, error: CallError) -> str:
    code = code_of(error)
    if code == "ResourceNotFoundException":
        return f"there is no secret {name!r}: create it with {EXPECTED.removeprefix('expected ')}"
    return f"secret {name!r} cannot be read ({code}); {EXPECTED}"
