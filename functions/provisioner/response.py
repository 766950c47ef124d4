"""Builds the response to CloudFormation, and sends it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from private_network import explain_no_answer

# CloudFormation's limit for the whole response (see "Custom resource response objects" in the
# CloudFormation documentation).
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a request; `data` holds the attributes that the template can read."""

    status: Literal["SUCCESS", "FAILED"]
    physical_id: str
    reason: str = ""
    data: Mapping[str, str] | None = None

    def body(self, event: Mapping[str, Any]) -> bytes:
        """Return the response to a request as JSON; cut the reason if the JSON is too long."""
        reason, reason_length = self.reason, len(self.reason)
        while len(body := self._encode(event, reason)) > MAX_BYTES and reason_length:
            reason_length = reason_length * 3 // 4
            reason = self.reason[:reason_length] + "…"
        return body

    def _encode(self, event: Mapping[str, Any], reason: str) -> bytes:
        return json.dumps(
            {
                "Status": self.status,
                "Reason": reason,
                "PhysicalResourceId": self.physical_id,
                "StackId": event.get("StackId"),
                "RequestId": event.get("RequestId"),
                "LogicalResourceId": event.get("LogicalResourceId"),
                "Data": dict(self.data or {}),
            }
        ).encode()


class ResponseNotSent(Exception):
    """CloudFormation did not get the response, so it waits until its own timeout."""


def send(response: Response, event: Mapping[str, Any]) -> None:
    """Send a response to the request's presigned S3 URL, which must never be logged.

    Raises
    ------
    ResponseNotSent
        All attempts failed.
    """
    url, body = event["ResponseURL"], response.body(event)
    with requests.Session() as session:
        # `RESPONSE_SECONDS` in custom_resource.py must cover these retries and the timeouts below.
        # `allowed_methods=None` allows retries of every method.
        retry = Retry(
            total=3, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504), allowed_methods=None
        )
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        try:
            # The content type must be empty, because the URL's signature covers it.
            s3_response = session.put(url, data=body, headers={"Content-Type": ""}, timeout=(2, 3))
            s3_response.raise_for_status()
        except (requests.RequestException, ValueError) as error:
            # Do not chain or quote the error: its message holds the URL.
            failure = f"CloudFormation did not get the answer: {type(error).__name__}"
            status = getattr(getattr(error, "response", None), "status_code", None)
            raise ResponseNotSent(
                f"{failure} {status}" if status else explain_no_answer(failure, "S3")
            ) from None
