"""Signs requests as Standard Webhooks specifies, and reads the signing keys from their secret."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aws_calls import CALL_ERRORS, CallError, call_once, code_of, describe, is_transient
from deadline import Deadline
from secret_key import explain_kms_refusal, is_refused_by_kms

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# The keys are cached for this time. The secret is then read again, in case it has changed.
KEEP_SECONDS = 300.0
# This shorter time applies after a failure of Secrets Manager, and after the receiver's 401 or 403.
# It doubles, up to `KEEP_SECONDS`, with each read that finds the refused keys unchanged. A receiver
# that refuses every request therefore does not cause a read for every batch.
KEEP_SECONDS_IN_DOUBT = 10.0
# The time limit for reading the secret.
READ_SECONDS = 3.0

PREFIX = "whsec_"
# Standard Webhooks, "Signature scheme": a key has between 24 and 64 bytes.
MIN_KEY_BYTES = 24
MAX_KEY_BYTES = 64
EXPECTED_FORM = (
    f"expected {PREFIX} followed directly by {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes in base64, "
    "or several such keys separated by spaces"
)
# The command that makes a key, for error messages; docs/deploy.md has it, too.
KEY_COMMAND = f"printf '{PREFIX}%s' \"$(openssl rand -base64 32)\""


class SecretUnusable(Exception):
    """The secret cannot be read, or is malformed. The exception's text omits the secret's value."""


class SigningKeys:
    """The signing keys in a secret, read at the first use and cached for five minutes.

    Parameters
    ----------
    secret_name
        The name of the secret, which contains a key, or several keys during a rotation.
    now
        Returns epoch seconds. A monotonic clock could stop while Lambda freezes the process, so
        that old keys would seem newer than they are.
    """

    def __init__(
        self,
        secrets_manager: "SecretsManagerClient",
        secret_name: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secrets_manager = secrets_manager
        self._secret_name = secret_name
        self._now = now
        self._keys: Sequence[bytes] = ()
        self._read_at = 0.0
        self._keep_seconds = KEEP_SECONDS
        self._keep_seconds_if_refused = KEEP_SECONDS_IN_DOUBT
        self._are_refused = False

    def current(self, deadline: Deadline) -> Sequence[bytes]:
        """Return the keys; every request is signed with each key.

        Raises
        ------
        SecretUnusable
            If the secret is malformed or cannot be read. After a transient error, the old keys, if
            any, are returned instead.
        """
        if not self._keys or self._now() - self._read_at >= self._keep_seconds:
            self._keys = self._read(deadline)
        return self._keys

    def read_again_soon(self) -> None:
        """Cache the keys for a shorter time, because the receiver answered 401 or 403."""
        self._are_refused = True
        self._keep_seconds = self._keep_seconds_if_refused

    def _read(self, deadline: Deadline) -> Sequence[bytes]:
        # Empty `_keys` first: if this method then raises, the next call of `current` reads again.
        old_keys, self._keys = self._keys, ()
        self._read_at = self._now()
        try:
            response = call_once(
                deadline.within(READ_SECONDS),
                self._secrets_manager.get_secret_value,
                SecretId=self._secret_name,
            )
        except CALL_ERRORS as error:
            if old_keys and is_transient(error):
                self._keep_seconds = KEEP_SECONDS_IN_DOUBT
                return old_keys
            raise SecretUnusable(_why_unreadable(self._secret_name, error)) from error
        self._keep_seconds = KEEP_SECONDS
        try:
            keys = parse_keys(response.get("SecretString") or "")
        except ValueError as error:
            raise SecretUnusable(
                f"secret {self._secret_name!r} cannot sign: {error}; make a key with {KEY_COMMAND}"
            ) from None
        is_still_refused = self._are_refused and keys == old_keys
        self._are_refused = False
        self._keep_seconds_if_refused = (
            min(2 * self._keep_seconds_if_refused, KEEP_SECONDS)
            if is_still_refused
            else KEEP_SECONDS_IN_DOUBT
        )
        return keys


def parse_keys(secret: str) -> Sequence[bytes]:
    """Return the keys in a secret's string.

    Raises
    ------
    ValueError
        If the string contains no key, or anything besides keys. The message omits the secret.
    """
    words = secret.split()
    if not words:
        raise ValueError(f"it is empty; {EXPECTED_FORM}")
    keys = []
    for number, word in enumerate(words, start=1):
        key_name = "the key" if len(words) == 1 else f"key {number} of {len(words)}"
        key = _decode_key(word)
        if key is None:
            raise ValueError(f"{key_name} is malformed; {EXPECTED_FORM}")
        if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
            size = "1 byte" if len(key) == 1 else f"{len(key)} bytes"
            raise ValueError(f"{key_name} has {size}; {EXPECTED_FORM}")
        keys.append(key)
    return keys


def _decode_key(word: str) -> bytes | None:
    if not word.startswith(PREFIX):
        return None
    try:
        return base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except ValueError:
        return None


def sign(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return a request's `webhook-signature` header, which has one signature for each key.

    Parameters
    ----------
    timestamp
        Epoch seconds.
    """
    signed_bytes = f"{webhook_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed_bytes, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _why_unreadable(secret_name: str, error: CallError) -> str:
    if is_refused_by_kms(error):
        return explain_kms_refusal(secret_name)
    if code_of(error) == "ResourceNotFoundException":
        return (
            f"there is no secret {secret_name!r}: "
            f"create it with {EXPECTED_FORM.removeprefix('expected ')}"
        )
    failure = describe(error, "Secrets Manager")
    return f"secret {secret_name!r} cannot be read ({failure}); {EXPECTED_FORM}"
