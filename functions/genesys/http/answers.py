"""Sends a request and reads the answer, of which no more than a limited number of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import HTTPError

# The longest body of an answer, decompressed. The largest one that we request is a page of 100
# conversations in analytics, so each of these may have 80 KB.
MAX_BODY_BYTES = 8 * 1024 * 1024
# A body of nothing but short values would take many times its length in memory, so the number of
# values is limited, too. In conversations, a comma or bracket comes every 17 bytes or more.
MAX_VALUES = MAX_BODY_BYTES // 12
_VALUE_MARKS = (b",", b"[", b"{")
# The longest body of an error, which holds a message.
MAX_ERROR_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
# The only encoding that is requested, and the only one that is decoded.
ACCEPTED_ENCODING = "gzip"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; the body of an error is empty if it is longer than `MAX_ERROR_BYTES`."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class UnreadableBody(Exception):
    """A body is too long, or is encoded in another way; the message says which.

    Attributes
    ----------
    status
        The answer's status.
    is_too_long
        Whether the body is too long.
    """

    def __init__(self, status: int, message: str, *, is_too_long: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.is_too_long = is_too_long


def exchange(session: requests.Session, method: str, url: str, **options: Any) -> Answer:
    """Send a request, and return the answer.

    Raises
    ------
    requests.RequestException, urllib3.exceptions.HTTPError, ValueError
        There was no answer, or it broke off.
    UnreadableBody
        The answer to a request that succeeded cannot be read.
    """
    headers = {"Accept-Encoding": ACCEPTED_ENCODING}
    with session.request(
        method, url, headers=headers, stream=True, allow_redirects=False, **options
    ) as response:
        return Answer(
            response.status_code, response.reason or "", response.headers, _read_body(response)
        )


def _read_body(response: requests.Response) -> bytes:
    status = response.status_code
    is_success = 200 <= status < 300
    max_bytes = MAX_BODY_BYTES if is_success else MAX_ERROR_BYTES
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in (ACCEPTED_ENCODING, "identity", ""):
        if is_success:
            raise UnreadableBody(status, f"the response is not encoded as {ACCEPTED_ENCODING}")
        return b""
    body = bytearray()
    try:
        # Unlike `read`, `read1` returns what has arrived, and so does not outlast a deadline.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > max_bytes:
                if is_success:
                    text = f"the response has more than {max_bytes:,} bytes"
                    raise UnreadableBody(status, text, is_too_long=True)
                return b""
    except HTTPError:
        if is_success:
            raise
        return b""  # The status alone says what the request has met.
    if sum(map(body.count, _VALUE_MARKS)) > MAX_VALUES:
        raise UnreadableBody(
            status, f"the response has more than {MAX_VALUES:,} values", is_too_long=True
        )
    return bytes(body)
