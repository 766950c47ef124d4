"""An answer comes before the function's timeout, whatever hangs."""

import time
from typing import Any

import pytest
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from provisioner.custom_resource import ANSWER_RESERVE, CLEANUP_RESERVE, WORK_RESERVE
from tests.fakes.aws.cloudformation import NAME, CloudFormation
from tests.fakes.clock import Alarm, Clock

HANGS = Answer(headers={"X-Hangs": "yes"})


@pytest.fixture(autouse=True)
def time_outs(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a request that is answered with `HANGS` time out, in the clock's time."""
    real = HTTPConnectionPool._make_request

    def make_request(pool: HTTPConnectionPool, *args: Any, **options: Any) -> Any:
        response = real(pool, *args, **options)
        if "X-Hangs" not in response.headers:
            return response
        clock.sleep(options["timeout"].read_timeout)
        raise ReadTimeoutError(pool, "", "Read timed out.")

    monkeypatch.setattr(HTTPConnectionPool, "_make_request", make_request)


def test_a_genesys_that_hangs_is_given_up_in_time(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.always("login", HANGS)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "could not be reached" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert clock.now <= 240 - ANSWER_RESERVE


def test_a_creation_that_hangs_until_no_time_is_left_is_undone(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    cloudformation.seconds = WORK_RESERVE + 8
    genesys.instead("create", HANGS, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions
    assert clock.now <= cloudformation.seconds - ANSWER_RESERVE


def test_a_creation_that_cannot_be_undone_in_time_keeps_its_id(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock, http: HttpServer
) -> None:
    cloudformation.seconds = WORK_RESERVE + 8
    genesys.before("create", lambda: genesys.always("list", HANGS))
    genesys.instead("create", HANGS, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "could not be removed again" in answer.reason
    assert answer.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"
    assert clock.now <= cloudformation.seconds - ANSWER_RESERVE


def test_a_deletion_that_hangs_fails_in_time_and_keeps_its_id(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    physical_id = cloudformation.create().physical_id
    began = clock.now
    genesys.always("list", HANGS)
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert "by hand" in answer.reason
    assert clock.now <= began + 240 - ANSWER_RESERVE


def test_a_step_without_a_limit_of_its_own_is_interrupted(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch, http: HttpServer
) -> None:
    # Here time is real: the alarm that interrupts the code is.
    cloudformation.seconds = ANSWER_RESERVE + 0.1
    monkeypatch.setattr(cloudformation.secrets, "get_secret_value", lambda **_: time.sleep(60))
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "did not answer in time" in answer.reason
    # What was interrupted may have made something: the id is one that will be looked for.
    assert answer.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"


@pytest.mark.parametrize("seconds", [61, 60, 31, 16, 5, 0])
def test_too_little_time_is_a_failure_and_no_exception(
    cloudformation: CloudFormation,
    genesys: GenesysCloud,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    Alarm(clock, monkeypatch)  # A real one rings wherever the process happens to be.
    cloudformation.seconds = seconds
    answer = cloudformation.create()
    assert answer.status == "FAILED" or seconds > 60
    assert answer.status == "SUCCESS" or answer.reason
    assert len(genesys.subscriptions) <= 1


def test_work_and_cleaning_up_leave_time_for_the_answer() -> None:
    reserves = (WORK_RESERVE, CLEANUP_RESERVE, ANSWER_RESERVE)
    assert sorted(reserves, reverse=True) == list(reserves)
    assert ANSWER_RESERVE > 0
