"""Builds the response to CloudFormation, and sends it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import requests
from urllib3.exceptions import HTTPError

from deadline import Deadline
from genesys.http.sessions import SessionWithoutRedirects
from private_network import explain_no_answer
from resources.properties import is_safe_url
from time_limit import call_within

# CloudFormation's limits for the whole response and for the physical id (see "Custom resource
# response objects" in the CloudFormation documentation).
MAX_BYTES = 4096
MAX_PHYSICAL_ID_BYTES = 1024
# The ids of CloudFormation's own that a response repeats are shorter.
MAX_REPEATED_BYTES = 512
# A response that cannot be sent within these limits is given up. The pauses between the attempts
# take 2.1 s.
MAX_ATTEMPTS = 4
ATTEMPT_SECONDS = 4.8
AFTER_RESPONSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a request; `data` holds the attributes that the template can read."""

    status: Literal["SUCCESS", "FAILED"]
    physical_id: str
    reason: str = ""
    data: Mapping[str, str] | None = None

    def body(self, event: Mapping[str, Any]) -> bytes:
        """Return the response to a request as JSON of at most `MAX_BYTES`.

        Ids that are too long for CloudFormation are shortened, always in the same way. If the data
        does not fit, the response is a failure. The rest is for the reason, which is cut.
        """
        response = self
        if len(self._encode(event, "")) > MAX_BYTES:
            reason = f"The resource's attributes do not fit into the {MAX_BYTES:,} bytes of a"
            response = replace(self, status="FAILED", reason=f"{reason} response.", data=None)
        reason, reason_length = response.reason, len(response.reason)
        while len(body := response._encode(event, reason)) > MAX_BYTES:
            reason_length = reason_length * 3 // 4
            reason = response.reason[:reason_length] + "…"
        return body

    def _encode(self, event: Mapping[str, Any], reason: str) -> bytes:
        return json.dumps(
            {
                "Status": self.status,
                "Reason": reason,
                "PhysicalResourceId": _shorten(self.physical_id, MAX_PHYSICAL_ID_BYTES),
                "StackId": _shorten(event.get("StackId"), MAX_REPEATED_BYTES),
                "RequestId": _shorten(event.get("RequestId"), MAX_REPEATED_BYTES),
                "LogicalResourceId": _shorten(event.get("LogicalResourceId"), MAX_REPEATED_BYTES),
                "Data": dict(self.data or {}),
            }
        ).encode()


class ResponseNotSent(Exception):
    """CloudFormation did not get the response, so it waits until its own timeout."""


def check_response_url(event: object) -> str:
    """Return the presigned S3 URL for the response to a request, which must never be logged.

    Raises
    ------
    ResponseNotSent
        The event has no URL to which a response may be sent, so it is not from CloudFormation.
    """
    url = event.get("ResponseURL") if isinstance(event, Mapping) else None
    if not isinstance(url, str) or not is_safe_url(url):
        raise ResponseNotSent(
            "The event has no ResponseURL with https, so it is not from CloudFormation. "
            "Nothing was done."
        )
    return url


def send(response: Response, event: Mapping[str, Any], deadline: Deadline) -> None:
    """Send a response to the request's presigned S3 URL; after a transient failure, try again.

    Raises
    ------
    ResponseNotSent
        All attempts failed, or no time was left for another one.
    """
    url, body = check_response_url(event), response.body(event)
    failure = ""
    for _ in deadline.attempts(first_pause_seconds=0.3, max_attempts=MAX_ATTEMPTS):
        try:
            # The time limits of the requests library apply to each read, not to the whole answer.
            seconds = min(ATTEMPT_SECONDS, max(deadline.left(), 1.0))
            status = call_within(seconds, _put, url, body)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # Do not chain or quote the error: its message holds the URL.
            failure = explain_no_answer(type(error).__name__, "S3")
        else:
            if 200 <= status < 300:
                return
            failure = f"it was answered with {status}"
            if status < 500:
                break
    raise ResponseNotSent(f"CloudFormation did not get the answer: {failure}") from None


def _put(url: str, body: bytes) -> int:
    """Send a body to a URL, and return the answer's status; the rest of the answer is not read."""
    with (
        SessionWithoutRedirects() as session,
        session.put(
            url,
            data=body,
            # The content type must be empty, because the URL's signature covers it.
            headers={"Content-Type": ""},
            timeout=(2, 3),
            allow_redirects=False,
            stream=True,
        ) as answer,
    ):
        return answer.status_code


def _shorten(value: object, max_bytes: int) -> str | None:
    """Return a text unchanged if its JSON is short enough; else its beginning and its hash."""
    if value is None:
        return None
    text = kept = str(value)
    while len(json.dumps(kept)) - 2 > max_bytes:
        text = text[: len(text) * 3 // 4]
        kept = f"{text}-{hashlib.sha256(str(value).encode(errors='replace')).hexdigest()[:16]}"
    return kept
