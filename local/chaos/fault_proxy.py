"""Stands between the worker and AWS: passes its calls on, lets faults strike, and keeps a record.

A worker's process tells its number in the user agent (`AWS_SDK_UA_APP_ID=pid-…`), so that it can
be killed at an exactly known point: just before one of its calls is passed on, or just after.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from local.chaos.faults import Faults
from local.http.messages import Answer, Request

DELAY = 0.7
"""Seconds by which a delayed call is delayed; clients wait for at least two."""
LATE = 3.0
"""Seconds after which a call is carried out that its client has given up and made again."""
THROTTLED = {
    "DynamoDB_20120810": "ProvisionedThroughputExceededException",
    "AWSEvents": "ThrottlingException",
    "AmazonSQS": "RequestThrottled",
}
HOP_BY_HOP = {"connection", "content-length", "host", "transfer-encoding"}


@dataclass(slots=True)
class Call:
    """A call of the worker's.

    Attributes
    ----------
    pid
        The process that made it.
    place
        What kind of call it is: `claim`, `mark`, `PutEvents`, …
    asked, answered
        Its body, and what AWS answered, where it was passed on.
    asked_at, at
        When it came, and when it had been carried out, in epoch seconds.
    lost
        Whether AWS answered and the process had stopped waiting by then, or was not told.
    """

    pid: int
    place: str
    asked: dict[str, Any]
    asked_at: float
    at: float = 0.0
    answered: dict[str, Any] | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a worker's process.

    Attributes
    ----------
    place
        The kind of call that it was at.
    asked
        That call's body, where it is a call of AWS.
    """

    pid: int
    place: str
    asked: dict[str, Any] = field(default_factory=dict)


class FaultProxy:
    """Answers the worker's calls in the place of AWS; `HttpServer(proxy.answer)` runs it.

    Parameters
    ----------
    killable
        Returns whether a process is one that may be killed.

    Attributes
    ----------
    upstream
        The endpoint that calls are passed on to.
    calls
        All that passed, in the order in which they were carried out.
    deaths
        Of the processes that it killed.
    """

    def __init__(self, faults: Faults, killable: Callable[[int], bool]) -> None:
        self.upstream = ""
        self.calls: list[Call] = []
        self.deaths: list[Death] = []
        self.faults = faults
        self.killable = killable
        self._http = urllib3.PoolManager(maxsize=32, retries=False, timeout=20)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer | None:
        """Answer a call, or let a fault happen to it."""
        service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
        asked = json.loads(request.body)
        place = place_of(operation, asked)
        told = re.search(r"app/pid-(\d+)", request.headers.get("User-Agent", ""))
        call = Call(int(told[1]) if told else 0, place, asked, time.time())
        fault = self.faults.strike(place)
        match fault:
            case "throttled":
                return _error(400, THROTTLED.get(service, "ThrottlingException"))
            case "error 500":
                return _error(500, "InternalServerError")
            case "delayed":
                time.sleep(DELAY)
            case "carried out late":
                # Else the next try may be late as well, until there is no time for another one.
                self.faults.spare(place, LATE)
                time.sleep(LATE)
            case "connection dropped":
                return None
            case "killed before":
                self._kill(call)
                return None
            case "statements throttled":
                return self._carry_out_half(request, call)
        answer = self._pass_on(request, request.body, call)
        if fault == "killed after":
            self._kill(call)
            return None
        if fault == "answer lost" or request.given_up():
            call.lost = True
            return None
        return answer

    def _pass_on(self, request: Request, body: bytes, call: Call) -> Answer:
        passed = {n: v for n, v in request.headers.items() if n.lower() not in HOP_BY_HOP}
        passed["Host"] = urlsplit(self.upstream).netloc
        answer = self._http.request(
            request.method, self.upstream + request.target, body=body, headers=passed
        )
        headers = {n: v for n, v in answer.headers.items() if n.lower() not in HOP_BY_HOP}
        if answer.status == 200:
            # Only what was carried out is of any consequence, in the order in which it was.
            call.answered, call.at = json.loads(answer.data or b"{}"), time.time()
        with self._lock:
            self.calls.append(call)
        return Answer(answer.status, answer.data, headers)

    def _carry_out_half(self, request: Request, call: Call) -> Answer:
        """Throttle every other statement of a call, the first one among them."""
        statements = call.asked["Statements"]
        throttled = {"Error": {"Code": "ThrottlingError", "Message": "Too many requests."}}
        answers: list[dict[str, Any]] = [throttled] * len(statements)
        if statements[1::2]:
            call.asked = {"Statements": statements[1::2]}
            self._pass_on(request, json.dumps(call.asked).encode(), call)
            answers[1::2] = (call.answered or {})["Responses"]
        return Answer(200, json.dumps({"Responses": answers}).encode(), _JSON)

    def _kill(self, call: Call) -> None:
        if not self.killable(call.pid):
            raise RuntimeError(f"Process {call.pid} was to be killed and is not the worker's.")
        self.deaths.append(Death(call.pid, call.place, call.asked))
        os.kill(call.pid, signal.SIGKILL)


def place_of(operation: str, asked: dict[str, Any]) -> str:
    """Return what kind of call one is: the operation, or what the ledger does by it."""
    if operation != "BatchExecuteStatement":
        return "look" if operation == "BatchGetItem" else operation
    first = asked["Statements"][0]
    if first["Statement"].startswith("INSERT"):
        return "claim"
    values = values_of(first)
    if "claimed_by" in values:
        return "takeover"
    if "delivered" not in values:
        return "keep"
    return "release" if values["lease_until"] == {"N": "0"} and "state" not in values else "mark"


def values_of(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a statement of the ledger's writes: values by attribute."""
    changes = statement["Statement"].partition(" WHERE ")[0]
    names = re.findall(r"""['"](\w+)['"]\s*[=:]""", changes)
    return dict(zip(names, statement["Parameters"], strict=False))


def condition_of(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a statement of the ledger's demands of its item: values by attribute."""
    changes, _, condition = statement["Statement"].partition(" WHERE ")
    names = re.findall(r'"(\w+)"\s*[=<>]', condition)
    return dict(zip(names, statement["Parameters"][changes.count("?") :], strict=True))


def descends_from(pid: int, ancestor: int) -> bool:
    """Return whether a process is a descendant of another one."""
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


def _error(status: int, code: str) -> Answer:
    body = json.dumps({"__type": code, "message": "A fault that was injected."})
    return Answer(status, body.encode(), _JSON)
