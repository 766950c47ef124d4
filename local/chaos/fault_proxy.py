"""A proxy between the worker and AWS, which injects faults and records calls and deaths.

Each worker process names its pid in the user agent (`AWS_SDK_UA_APP_ID=pid-…`). The proxy can
therefore kill the process at a known point: just before a call reaches AWS, or just after.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from local.chaos.calls import Call, CallLog, Death
from local.chaos.faults import Faults
from local.http.messages import Answer, Request

DELAY_SECONDS = 0.7
"""Seconds by which the fault `delayed` delays a call. A client's timeout is at least 2 seconds."""
LATE_SECONDS = 3.0
"""Seconds by which the fault `carried out late` delays a call. The client has retried by then."""
THROTTLED = {
    "DynamoDB_20120810": "ProvisionedThroughputExceededException",
    "AWSEvents": "ThrottlingException",
    "AmazonSQS": "RequestThrottled",
}
HOP_BY_HOP = {"connection", "content-length", "host", "transfer-encoding"}


class FaultProxy:
    """The proxy; `HttpServer(proxy.answer)` serves it.

    Parameters
    ----------
    killable
        Returns whether the proxy may kill a process.

    Attributes
    ----------
    upstream
        The URL of the AWS emulator.
    calls
        The calls that reached AWS and that the report needs.
    deaths
        The deaths of processes that the proxy killed. A chaos run also adds a death for each
        process that hung in an action until the function's timeout.
    """

    def __init__(self, faults: Faults, killable: Callable[[int], bool]) -> None:
        self.upstream = ""
        self.calls = CallLog()
        self.deaths: list[Death] = []
        self.faults = faults
        self.killable = killable
        self._http = urllib3.PoolManager(maxsize=32, retries=False, timeout=20)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer | None:
        """Pass a call on and return AWS's response, or inject the fault that is due.

        None closes the connection without a response.
        """
        service, _, action = request.headers.get("X-Amz-Target", "").partition(".")
        body = json.loads(request.body)
        operation = operation_of(action, body)
        pid = re.search(r"app/pid-(\d+)", request.headers.get("User-Agent", ""))
        call = Call(int(pid[1]) if pid else 0, operation, body, time.time())
        # Other functions' calls go through the proxy, too. Faults are for the worker's.
        fault = self.faults.strike(operation) if call.pid else None
        match fault:
            case "throttled":
                return _make_error(400, THROTTLED.get(service, "ThrottlingException"))
            case "error 500":
                return _make_error(500, "InternalServerError")
            case "delayed":
                time.sleep(DELAY_SECONDS)
            case "carried out late":
                # If the retries were late too, the worker would run out of time.
                self.faults.pause(operation, LATE_SECONDS)
                time.sleep(LATE_SECONDS)
            case "connection dropped":
                return None
            case "killed before":
                self._kill(call)
                return None
            case "statements throttled":
                return self._throttle_half(request, call)
        answer = self._pass_on(request, request.body, call)
        is_killed = fault == "killed after"
        call.lost = not is_killed and (fault == "answer lost" or request.is_abandoned())
        self._record(call)
        if is_killed:
            self._kill(call)
        return None if is_killed or call.lost else answer

    def _pass_on(self, request: Request, body: bytes, call: Call) -> Answer:
        passed = {n: v for n, v in request.headers.items() if n.lower() not in HOP_BY_HOP}
        passed["Host"] = urlsplit(self.upstream).netloc
        answer = self._http.request(
            request.method, self.upstream + request.target, body=body, headers=passed
        )
        headers = {n: v for n, v in answer.headers.items() if n.lower() not in HOP_BY_HOP}
        # Only a call that AWS accepted is recorded with a response: a refused one changed nothing.
        if answer.status == 200:
            call.response, call.done_at = json.loads(answer.data or b"{}"), time.time()
        return Answer(answer.status, answer.data, headers)

    def _record(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)

    def _throttle_half(self, request: Request, call: Call) -> Answer:
        """Throttle the first, third, … statement of a call, and pass the other statements on."""
        statements = call.request["Statements"]
        throttled = {"Error": {"Code": "ThrottlingError", "Message": "Too many requests."}}
        answers: list[dict[str, Any]] = [throttled] * len(statements)
        if statements[1::2]:
            call.request = {"Statements": statements[1::2]}
            self._pass_on(request, json.dumps(call.request).encode(), call)
            self._record(call)
            answers[1::2] = (call.response or {})["Responses"]
        return Answer(200, json.dumps({"Responses": answers}).encode(), _JSON)

    def _kill(self, call: Call) -> None:
        if not self.killable(call.pid):
            raise RuntimeError(
                f"The proxy must not kill process {call.pid}: it is not the worker's."
            )
        self.deaths.append(Death(call.pid, call.operation, call.request))
        os.kill(call.pid, signal.SIGKILL)


def operation_of(action: str, body: dict[str, Any]) -> str:
    """Return what a call does to the ledger, such as `claim`; for other calls, the AWS action."""
    if action != "BatchExecuteStatement":
        return "look" if action == "BatchGetItem" else action
    first = body["Statements"][0]
    if first["Statement"].startswith("INSERT"):
        return "claim"
    values = written_values(first)
    if "claimed_by" in values:
        return "takeover"
    if "delivered" not in values:
        return "keep" if "expires_at" in values else "extend"
    return "release" if values["lease_until"] == {"N": "0"} and "state" not in values else "mark"


def written_values(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values that a ledger statement writes, keyed by attribute."""
    changes = statement["Statement"].partition(" WHERE ")[0]
    names = re.findall(r"""['"](\w+)['"]\s*[=:]""", changes)
    return dict(zip(names, statement["Parameters"], strict=False))


def condition_values(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values in a ledger statement's condition, keyed by attribute."""
    changes, _, condition = statement["Statement"].partition(" WHERE ")
    names = re.findall(r'"(\w+)"\s*[=<>]', condition)
    return dict(zip(names, statement["Parameters"][changes.count("?") :], strict=True))


def descends_from(pid: int, ancestor: int) -> bool:
    """Return whether a process is a descendant of another."""
    while pid > 1:
        pid = _parent(pid)
        if pid == ancestor:
            return True
    return False


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/stat")
    if status.exists():
        return int(status.read_text().rpartition(")")[2].split()[1])
    listed = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return int(listed.stdout.strip() or 0)


_JSON = {"Content-Type": "application/x-amz-json-1.0"}


def _make_error(status: int, code: str) -> Answer:
    body = json.dumps({"__type": code, "message": "An injected fault."})
    return Answer(status, body.encode(), _JSON)
