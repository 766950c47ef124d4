"""The response to CloudFormation: its JSON, its size limit and its transport."""

import json
import logging
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import logs  # noqa: F401 - as in the function: keeps urllib3 from logging URLs
from local.http import messages
from local.http.server import HttpServer
from provisioner import response as response_module
from provisioner.response import MAX_BYTES, MAX_PHYSICAL_ID_BYTES, Response, ResponseNotSent, send
from tests.fakes.clock import Clock

EVENT = {
    "RequestType": "Create",
    "RequestId": "1f2e3d4c-0000-4000-8000-000000000000",
    "StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/QueueEnds-dev/9f",
    "LogicalResourceId": "SubscriptionSpec",
}
DONE = Response("SUCCESS", "api/queue-ends-dev", data={"SubscriptionId": "7"})
SIGNED = "/answer?X-Amz-Signature=s1gnature&X-Amz-Security-Token=t0ken"


@pytest.fixture
def event(http: HttpServer) -> dict[str, str]:
    return {**EVENT, "ResponseURL": http.url + SIGNED}


def test_a_response_repeats_the_ids_of_the_request() -> None:
    assert json.loads(DONE.body(EVENT)) == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "api/queue-ends-dev",
        "StackId": EVENT["StackId"],
        "RequestId": EVENT["RequestId"],
        "LogicalResourceId": EVENT["LogicalResourceId"],
        "Data": {"SubscriptionId": "7"},
    }


def test_a_reason_that_fits_is_whole() -> None:
    reason = "r" * 3500
    assert json.loads(Response("FAILED", "id", reason).body(EVENT))["Reason"] == reason


@given(
    unit=st.text(st.characters(), min_size=1, max_size=5),
    times=st.integers(0, 5000),
    physical_id=st.text(max_size=100),
)
@settings(max_examples=200)
def test_any_reason_fits_the_limit(unit: str, times: int, physical_id: str) -> None:
    reason = unit * times
    body = Response("FAILED", physical_id, reason).body(EVENT)
    assert len(body) <= MAX_BYTES
    response = json.loads(body)
    assert response["PhysicalResourceId"] == physical_id
    assert response["StackId"] == EVENT["StackId"]
    kept = response["Reason"]
    assert kept == reason or (kept.endswith("…") and reason.startswith(kept[:-1]))
    # A cut reason still fills half of the limit.
    assert kept == reason or len(body) > MAX_BYTES / 2


@pytest.mark.parametrize("reason", ["", "abc", "abcd", "r" * 5000])
def test_ids_over_the_limits_are_shortened_always_in_the_same_way(reason: str) -> None:
    repeated = dict.fromkeys(("StackId", "RequestId", "LogicalResourceId"), "🎧" * 5000)
    ids = [f"nothing-created/{mark * 6000}" for mark in "ij"] * 2

    bodies = [Response("FAILED", one, reason).body(repeated) for one in ids]

    assert max(map(len, bodies)) <= MAX_BYTES
    first, second, *again = (json.loads(body)["PhysicalResourceId"] for body in bodies)
    assert [first, second] == again
    assert first != second
    for one in (first, second):
        assert one.startswith("nothing-created/")
        assert len(one) <= MAX_PHYSICAL_ID_BYTES


def test_data_over_the_limit_makes_the_response_a_failure_that_keeps_the_id() -> None:
    body = Response("SUCCESS", "the-id", data={"SubscriptionId": "7" * 6000}).body(EVENT)
    assert len(body) <= MAX_BYTES
    response = json.loads(body)
    assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", "the-id")
    assert response["Reason"] == (
        "The resource's attributes do not fit into the 4,096 bytes of a response."
    )


def test_a_response_is_put_with_an_empty_content_type(
    http: HttpServer, event: dict[str, str], clock: Clock
) -> None:
    http.script(messages.Answer())
    send(DONE, event, clock.deadline(20))
    [request] = http.requests
    assert (request.method, request.path) == ("PUT", "/answer")
    assert request.query["X-Amz-Signature"] == "s1gnature"
    assert request.headers["Content-Type"] == ""
    assert request.body == DONE.body(event)
    assert request.headers["Content-Length"] == str(len(request.body))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 0])
def test_a_response_is_sent_again_until_it_arrives(
    http: HttpServer,
    event: dict[str, str],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    failure = messages.Answer(status) if status else messages.Answer(fate="lost")
    http.script(failure, failure, failure, messages.Answer())
    with caplog.at_level(logging.DEBUG):
        send(DONE, event, clock.deadline(20))
    assert [request.body for request in http.requests] == [DONE.body(event)] * 4
    assert sum(clock.pauses) < 5
    assert "s1gnature" not in caplog.text


@pytest.mark.parametrize(
    "failure",
    [messages.Answer(403), messages.Answer(503), messages.Answer(fate="lost")],
    ids=str,
)
def test_a_response_that_does_not_arrive_is_an_error_without_the_url(
    http: HttpServer,
    event: dict[str, str],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    failure: messages.Answer,
) -> None:
    http.script(*[failure] * 10)
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match="CloudFormation") as caught:
        send(DONE, event, clock.deadline(20))
    seen = "".join(traceback.format_exception(caught.value)) + caplog.text
    for hidden in ("s1gnature", "t0ken", "/answer?"):
        assert hidden not in seen


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://[::1",
        "http://s3.example/s1gnature",
        "https://s3.example\\@127.0.0.1/s1gnature",
        "ftp://127.0.0.1/s1gnature",
        "http://127.0.0.1:1/s1gnature",
    ],
)
def test_an_invalid_url_is_an_error_that_does_not_quote_it(clock: Clock, url: str) -> None:
    with pytest.raises(Exception, match="CloudFormation") as caught:
        send(DONE, {**EVENT, "ResponseURL": url}, clock.deadline(20))
    assert not url or url not in "".join(traceback.format_exception(caught.value))


def test_a_redirected_response_does_not_follow(
    http: HttpServer, event: dict[str, str], clock: Clock
) -> None:
    http.respond = lambda _: messages.Answer(307, headers={"Location": f"{http.url}/elsewhere"})
    with pytest.raises(ResponseNotSent, match="answered with 307"):
        send(DONE, event, clock.deadline(20))
    assert [request.path for request in http.requests] == ["/answer"]


def test_an_answer_that_drips_ends_with_the_attempt(
    http: HttpServer, event: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_module, "ATTEMPT_SECONDS", 0.15)  # real seconds
    http.respond = lambda _: messages.Answer(200, b"x" * 100, fate="dripping head")
    with pytest.raises(ResponseNotSent, match="Timeout"):
        send(DONE, event, clock.deadline(0.5))
    assert http.requests
