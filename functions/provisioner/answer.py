"""The answer to CloudFormation: its content, and how it is sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

# CloudFormation's limit for the whole response (AWS: "Custom resource response objects").
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request; the template can read the resource's `data`."""

    status: Literal["SUCCESS", "FAILED"]
    physical_id: str
    reason: str = ""
    data: Mapping[str, str] | None = None

    def body(self, event: Mapping[str, Any]) -> bytes:
        """Return the response to a request's event, its reason cut to fit the limit."""
        reason, kept = self.reason, len(self.reason)
        while len(body := self._encoded(event, reason)) > MAX_BYTES and kept:
            kept = kept * 3 // 4
            reason = self.reason[:kept] + "…"
        return body

    def _encoded(self, event: Mapping[str, Any], reason: str) -> bytes:
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


class NotAnswered(Exception):
    """CloudFormation did not get the answer; it waits until its own limit."""


def send(answer: Answer, event: Mapping[str, Any]) -> None:
    """Put an answer where CloudFormation waits for it: a presigned S3 URL, never to be logged.

    Raises
    ------
    NotAnswered
        After some tries.
    """
    url, body = event["ResponseURL"], answer.body(event)
    with requests.Session() as session:
        retry = Retry(
            total=3, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504), allowed_methods=None
        )
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        # The URL's signature covers an empty content type.
        try:
            response = session.put(url, data=body, headers={"Content-Type": ""}, timeout=(2, 3))
            response.raise_for_status()
        except (requests.RequestException, ValueError) as error:
            # The error's own text holds the URL.
            status = getattr(getattr(error, "response", None), "status_code", "")
            raise NotAnswered(
                f"CloudFormation did not get the answer: {type(error).__name__} {status}".rstrip()
            ) from None
