"""An answer comes before the function's timeout, whatever hangs. Here time is real, and short."""

import time
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from subscription import leftovers, resource
from subscription.answer import Answer
from tests.fakes import scripted_http
from tests.fakes.aws.cloudformation import NAME, CloudFormation
from tests.fakes.genesys import FakeGenesys
from tests.fakes.scripted_http import HttpServer

HANGS = scripted_http.Answer(fate="hung")


class RealInvocation:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


@pytest.fixture
def short_reserves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an invocation of 3 s, work ends after 0.2 s, cleaning up after 0.4 s, all at 0.5 s."""
    monkeypatch.setattr(resource, "WORK_RESERVE", 2.8)
    monkeypatch.setattr(resource, "CLEANUP_RESERVE", 2.6)
    monkeypatch.setattr(resource, "ANSWER_RESERVE", 2.5)


def ask(cloudformation: CloudFormation, kind: str, **more: Any) -> tuple[Answer, float]:
    """Ask in real time, with three seconds; return the answer and after how long it came."""
    began = time.monotonic()
    answer = resource.answer_to(
        {
            "RequestType": kind,
            "ResourceType": cloudformation.resource_type,
            "ResourceProperties": cloudformation.properties,
            **more,
        },
        RealInvocation(3),
        cloudformation.secrets,  # type: ignore[arg-type]
        cloudformation.events,  # type: ignore[arg-type]
        Logger(service="test-time"),
    )
    return answer, time.monotonic() - began


@pytest.mark.usefixtures("short_reserves")
def test_a_genesys_that_hangs_is_given_up(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    genesys.always("login", HANGS)
    answer, seconds = ask(cloudformation, "Create")
    assert answer.status == "FAILED"
    assert "could not be reached" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert seconds < 2


@pytest.mark.usefixtures("short_reserves")
def test_a_creation_that_hangs_is_cleaned_up_after(
    cloudformation: CloudFormation, genesys: FakeGenesys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "LATE_CREATION_SECONDS", 0.0)
    genesys.instead("create", HANGS, carried_out=True)
    answer, seconds = ask(cloudformation, "Create")
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions
    assert seconds < 2


@pytest.mark.usefixtures("short_reserves")
def test_a_creation_that_cannot_be_cleaned_up_after_in_time_keeps_its_id(
    cloudformation: CloudFormation, genesys: FakeGenesys, http: HttpServer
) -> None:
    genesys.before("create", lambda: genesys.always("list", HANGS))
    genesys.instead("create", HANGS, carried_out=True)
    answer, seconds = ask(cloudformation, "Create")
    assert answer.status == "FAILED"
    assert "could not be removed again" in answer.reason
    assert answer.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"
    assert seconds < 2


@pytest.mark.usefixtures("short_reserves")
def test_a_deletion_that_hangs_fails_and_keeps_its_id(
    cloudformation: CloudFormation, genesys: FakeGenesys, http: HttpServer
) -> None:
    physical_id = f"{http.url.removeprefix('http://')}/{NAME}"
    genesys.always("list", HANGS)
    answer, seconds = ask(cloudformation, "Delete", PhysicalResourceId=physical_id)
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert "by hand" in answer.reason
    assert seconds < 2


@pytest.mark.usefixtures("short_reserves")
def test_what_has_no_limit_of_its_own_is_interrupted(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch, http: HttpServer
) -> None:
    monkeypatch.setattr(cloudformation.secrets, "get_secret_value", lambda **_: time.sleep(30))
    answer, seconds = ask(cloudformation, "Create")
    assert answer.status == "FAILED"
    assert "did not answer in time" in answer.reason
    # What was interrupted may have made something: the id is one that will be looked for.
    assert answer.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"
    assert 0.4 < seconds < 2


@pytest.mark.parametrize("seconds", [61, 60, 31, 16, 5, 0])
def test_too_little_time_is_a_failure_and_no_exception(
    cloudformation: CloudFormation, genesys: FakeGenesys, seconds: float
) -> None:
    cloudformation.seconds = seconds
    answer = cloudformation.create()
    assert answer.status == "FAILED" or seconds > 60
    assert answer.status == "SUCCESS" or answer.reason
    assert len(genesys.subscriptions) <= 1


def test_work_and_cleaning_up_leave_time_for_the_answer() -> None:
    assert resource.WORK_RESERVE > resource.CLEANUP_RESERVE > resource.ANSWER_RESERVE > 0
