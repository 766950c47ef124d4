"""The fault proxy, in front of a server that stands in for AWS."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from local.chaos import fault_proxy
from local.chaos.calls import Call
from local.chaos.fault_proxy import (
    DELAY_SECONDS,
    FaultProxy,
    condition_values,
    descends_from,
    operation_of,
    written_values,
)
from local.chaos.faults import Fault, Faults
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from tests.polling import wait_until

MARK = 'UPDATE "T" SET "delivered"=? SET "lease_until"=? WHERE "claimed_by"=?'
VALUES = [{"L": []}, {"N": "9"}, {"S": "h"}]
INSERT = "INSERT INTO \"T\" VALUE {'conversation_id': ?}"


class Aws:
    """A stand-in for DynamoDB that carries out every statement."""

    def __init__(self) -> None:
        self.carried_out: list[str] = []

    def answer(self, request: Request) -> Answer:
        statements = [one["Statement"] for one in json.loads(request.body)["Statements"]]
        self.carried_out += statements
        answers = [{"TableName": statement} for statement in statements]
        return Answer(200, json.dumps({"Responses": answers}).encode(), {"X-From": "AWS"})


class Worker:
    """An idle process, and a client that calls in its name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

    def call(self, *statements: str, timeout: float = 10) -> requests.Response:
        """Call BatchExecuteStatement."""
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                self.url,
                json={"Statements": [{"Statement": t, "Parameters": VALUES} for t in statements]},
                headers={
                    "X-Amz-Target": "DynamoDB_20120810.BatchExecuteStatement",
                    "User-Agent": f"Boto3/1 md/Botocore#1 app/pid-{self.process.pid}",
                },
                timeout=timeout,
            )


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def proxy(aws: Aws) -> Iterator[FaultProxy]:
    proxy = FaultProxy(Faults([]), lambda pid: descends_from(pid, os.getpid()))
    with HttpServer(aws.answer) as upstream:
        proxy.upstream = upstream.url
        yield proxy


@pytest.fixture
def worker(proxy: FaultProxy) -> Iterator[Worker]:
    with HttpServer(proxy.answer) as front:
        worker = Worker(front.url)
        yield worker
        worker.process.kill()
        worker.process.wait()


def schedule(proxy: FaultProxy, kind: str, target: str = "mark") -> None:
    """Schedule a fault for the target's next call."""
    proxy.faults = Faults([Fault(kind, target, 0)])
    proxy.faults.begin()


def summary(calls: list[Call]) -> list[tuple[str, int, bool]]:
    """Return each call's operation, its number of statements passed on, and whether it is lost."""
    return [(call.operation, len(call.request["Statements"]), call.lost) for call in calls]


def test_a_call_is_passed_on_and_recorded_with_its_process(
    proxy: FaultProxy, worker: Worker, aws: Aws
) -> None:
    answer = worker.call(INSERT, INSERT)

    assert answer.json() == {"Responses": [{"TableName": INSERT}] * 2}
    assert answer.headers["X-From"] == "AWS"
    assert aws.carried_out == [INSERT, INSERT]
    (call,) = [*proxy.calls]
    assert (call.pid, call.operation, call.lost) == (worker.process.pid, "claim", False)
    assert call.response == answer.json()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("throttled", (400, "ProvisionedThroughputExceededException")),
        ("error 500", (500, "InternalServerError")),
    ],
)
def test_a_fault_that_is_an_error_strikes_one_call_which_is_not_carried_out(
    proxy: FaultProxy, worker: Worker, aws: Aws, kind: str, error: tuple[int, str]
) -> None:
    schedule(proxy, kind)

    answer = worker.call(MARK)

    assert (answer.status_code, answer.json()["__type"]) == error
    assert aws.carried_out == []
    assert [*proxy.calls] == []
    assert worker.call(MARK).status_code == 200


def test_a_throttled_batch_has_every_other_statement_carried_out(
    proxy: FaultProxy, worker: Worker, aws: Aws
) -> None:
    schedule(proxy, "statements throttled", "claim")

    answers = worker.call(*(INSERT + str(number) for number in range(5))).json()["Responses"]

    assert [one.get("Error", {}).get("Code") for one in answers] == [
        *("ThrottlingError", None, "ThrottlingError", None, "ThrottlingError")
    ]
    assert aws.carried_out == [INSERT + "1", INSERT + "3"]
    assert summary([*proxy.calls]) == [("claim", 2, False)]


def test_a_throttled_batch_of_one_statement_makes_no_call(
    proxy: FaultProxy, worker: Worker, aws: Aws
) -> None:
    schedule(proxy, "statements throttled")

    (answer,) = worker.call(MARK).json()["Responses"]

    assert answer["Error"]["Code"] == "ThrottlingError"
    assert aws.carried_out == []


def test_a_delayed_call_is_carried_out_all_the_same(
    proxy: FaultProxy, worker: Worker, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = list[float]()
    monkeypatch.setattr(fault_proxy, "time", SimpleNamespace(time=time.time, sleep=slept.append))
    schedule(proxy, "delayed")

    assert worker.call(MARK).status_code == 200
    assert slept == [DELAY_SECONDS]
    assert aws.carried_out == [MARK]


def test_a_call_that_is_carried_out_late_is_lost_to_a_client_that_has_retried(
    proxy: FaultProxy, worker: Worker, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(fault_proxy, "time", SimpleNamespace(time=time.time, sleep=over.wait))
    monkeypatch.setattr(fault_proxy, "LATE_SECONDS", 60)
    schedule(proxy, "carried out late")

    with pytest.raises(requests.Timeout):
        worker.call(MARK, timeout=0.05)
    assert worker.call(MARK).status_code == 200

    over.set()
    wait_until(lambda: len([*proxy.calls]) == 2, "the late call")
    assert sorted(summary([*proxy.calls])) == [("mark", 1, False), ("mark", 1, True)]
    assert aws.carried_out == [MARK, MARK]


@pytest.mark.parametrize(
    "kind", ["connection dropped", "answer lost", "killed before", "killed after"]
)
def test_a_call_without_an_answer_is_carried_out_and_its_process_killed_as_the_fault_says(
    proxy: FaultProxy, worker: Worker, aws: Aws, kind: str
) -> None:
    carried_out, killed = kind in ("answer lost", "killed after"), kind.startswith("killed")
    schedule(proxy, kind)

    with pytest.raises(requests.ConnectionError):
        worker.call(MARK)

    assert aws.carried_out == [MARK] * carried_out
    assert summary([*proxy.calls]) == [("mark", 1, kind == "answer lost")] * carried_out
    assert [(death.pid, death.operation) for death in proxy.deaths] == [
        (worker.process.pid, "mark")
    ] * killed
    if killed:
        assert worker.process.wait(10) == -signal.SIGKILL
    assert (worker.process.poll() is None) is not killed


def test_a_process_that_is_not_the_workers_is_never_killed(
    proxy: FaultProxy, worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.killable = lambda pid: False
    schedule(proxy, "killed before")

    with pytest.raises(requests.ConnectionError):
        worker.call(MARK)

    assert worker.process.poll() is None
    assert proxy.deaths == []
    assert "not the worker's" in capsys.readouterr().err


def test_a_process_descends_from_those_that_started_it() -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        try:
            assert descends_from(child.pid, os.getpid())
            assert descends_from(child.pid, os.getppid())
            assert not descends_from(os.getpid(), child.pid)
            assert not descends_from(child.pid, child.pid)
        finally:
            child.kill()
    assert not descends_from(0, os.getpid())


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ((INSERT, "c-1"), "claim"),
        ((MARK, [], "9", "h"), "mark"),
        (
            (
                'UPDATE "T" SET "delivered"=? SET "lease_until"=? WHERE "claimed_by"=?'
                ' AND "lease_until" >= ?',
                *([], "0", "h", "0"),
            ),
            "release",
        ),
        (
            (
                'UPDATE "T" SET "delivered"=? SET "lease_until"=? SET "state"=? WHERE "a"=?',
                *([], "0", "done", "c-1"),
            ),
            "mark",
        ),
        (('UPDATE "T" SET "claimed_by"=? WHERE "claimed_by"=?', "h2", "h1"), "takeover"),
        (('UPDATE "T" SET "expires_at"=? WHERE "a"=?', "9", "c-1"), "keep"),
        (
            ('UPDATE "T" SET "lease_until"=? SET "latest_at"=? WHERE "a"=?', "0", "9", "c-1"),
            "extend",
        ),
    ],
)
def test_the_first_statement_of_a_ledger_call_gives_its_operation(
    statement: tuple[Any, ...], operation: str
) -> None:
    text, *values = statement
    parameters = [{"N": one} if str(one).isdecimal() else {"S": one} for one in values]
    body = {"Statements": [{"Statement": text, "Parameters": parameters}]}

    assert operation_of("BatchExecuteStatement", body) == operation


def test_the_action_of_any_other_call_gives_its_operation() -> None:
    assert operation_of("BatchGetItem", {}) == "look"
    assert operation_of("PutEvents", {"Entries": []}) == "PutEvents"
    assert operation_of("UpdateItem", {"TableName": "T"}) == "UpdateItem"


def test_a_statement_has_values_and_a_condition() -> None:
    text = 'UPDATE "T" SET "claimed_by"=? SET "lease_until"=? WHERE "claimed_by"=? AND "b" < ?'
    statement = {
        "Statement": text,
        "Parameters": [{"S": "new"}, {"N": "9"}, {"S": "old"}, {"N": "1"}],
    }

    assert written_values(statement) == {"claimed_by": {"S": "new"}, "lease_until": {"N": "9"}}
    assert condition_values(statement) == {"claimed_by": {"S": "old"}, "b": {"N": "1"}}
