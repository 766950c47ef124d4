"""Chaos in the analytics, and the account of the ends' details."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from intake.delayed_ends import make_delayed_body
from local.chaos.calls import Call, CallLog
from local.chaos.details import ATTEMPTS, LAG_SECONDS, ChaoticAnalytics, DetailsAccount
from local.chaos.faults import Fault, Faults
from local.chaos.plan import ANALYTICS, ANSWERS_OF_ANALYTICS, short_plan
from local.chaos.source.traffic import subscription_traffic
from local.genesys.analytics import DETAILS
from local.genesys.stand_in import GenesysCloud
from local.http.faults import Call as ServiceCall
from local.http.messages import Request
from tests.detailed_ends import missing_end
from tests.fakes.clock import Clock

TRAFFIC = subscription_traffic(short_plan(1, "analytics"))
ALL_IDS = list(dict.fromkeys(event.conversation_id for event in TRAFFIC.events))
IDS = ALL_IDS[:4]


@pytest.fixture
def genesys(clock: Clock) -> Iterator[GenesysCloud]:
    with GenesysCloud(clock=clock) as running:
        yield running


def chaotic(genesys: GenesysCloud, clock: Clock, *schedule: Fault) -> ChaoticAnalytics:
    """Return the analytics of an org that have the first conversations, with these faults."""
    faults = Faults(schedule, clock)
    analytics = ChaoticAnalytics(genesys, faults, TRAFFIC)
    for conversation_id in IDS:
        analytics.add(conversation_id)
    faults.begin()
    clock.now += LAG_SECONDS
    return analytics


def fate(genesys: GenesysCloud, path: str = DETAILS) -> str | int:
    """Return the status with which a request is intercepted, or the answer's fate."""
    answer = genesys.server.intercept(Request("GET", path))
    if answer is None:
        return "passed"
    return answer.status if answer.fate == "sent" else answer.fate


def answered(genesys: GenesysCloud, ids: Sequence[str] = IDS) -> list[str]:
    request = Request("GET", f"{DETAILS}?id={','.join(ids)}")
    answer = genesys.analytics.answer("details", request)
    return [one["conversationId"] for one in answer.body["conversations"]]


def test_the_analytics_have_every_second_conversation_some_time_after_its_first_message(
    genesys: GenesysCloud, clock: Clock
) -> None:
    analytics = chaotic(genesys, clock)
    assert answered(genesys) == IDS
    later = ALL_IDS[-4:]

    for conversation_id in later:
        analytics.add(conversation_id)
    assert answered(genesys, later) == later[1::2]
    clock.now += LAG_SECONDS
    for conversation_id in later:  # repeats of the messages
        analytics.add(conversation_id)
    assert answered(genesys, later) == later
    assert analytics.answered_requests == 3


def test_a_request_above_the_rate_limit_is_counted(genesys: GenesysCloud, clock: Clock) -> None:
    analytics = chaotic(genesys, clock, Fault("rate limited", ANALYTICS, 0))
    assert fate(genesys) == 429
    assert analytics.requests_over_limit == 0, "a fault is not the worker's"
    genesys.calls.append(ServiceCall("details", clock(), 429))
    assert analytics.requests_over_limit == 1


def test_each_request_meets_the_fault_that_is_due(genesys: GenesysCloud, clock: Clock) -> None:
    kinds = ("rate limited", "down", "connection dropped")
    chaotic(genesys, clock, *(Fault(kind, ANALYTICS, n) for n, kind in enumerate(kinds)))
    clock.now += 10
    assert fate(genesys, "/oauth/token") == "passed"
    assert [fate(genesys) for _ in range(4)] == [429, 503, "lost", "passed"]


def test_an_answer_lacks_half_of_several_conversations(genesys: GenesysCloud, clock: Clock) -> None:
    chaotic(genesys, clock, Fault("answered by half", ANSWERS_OF_ANALYTICS, 0))
    assert answered(genesys, IDS[:1]) == IDS[:1]
    assert answered(genesys) == IDS[::2]
    assert answered(genesys) == IDS


def delayed(*attempts: int) -> Call:
    """Return a call that sends messages with these numbers of attempts."""
    bodies = [
        make_delayed_body(missing_end(), 1, has_own_time=True, details_attempts=n) for n in attempts
    ]
    entries = [{"MessageBody": body} for body in ["{", *bodies]]
    return Call(7, "SendMessageBatch", {"Entries": entries}, 0)


def account(*calls: Call, **counts: int) -> DetailsAccount:
    arrived = Counter(counts or {"complete": 8, "missing": 2})
    return DetailsAccount({"bus": arrived}, CallLog(calls or [delayed(1, 2), delayed(1)]), 5)


def over_limit() -> DetailsAccount:
    spoilt = account()
    spoilt.requests_over_limit = 1
    return spoilt


def test_ends_that_waited_within_their_attempts_balance() -> None:
    assert all(account().checks().values())
    assert account().waits() == {1: 2, 2: 1}


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(account(complete=8, none=1), id="an end for which nobody asked"),
        pytest.param(account(missing=8), id="no end with details"),
        pytest.param(account(delayed()), id="no end waited"),
        pytest.param(over_limit(), id="too many requests a minute"),
        pytest.param(account(delayed(ATTEMPTS)), id="an end waited after its last attempt"),
    ],
)
def test_an_account_of_details_with_an_error_does_not_balance(spoilt: DetailsAccount) -> None:
    assert list(spoilt.checks().values()).count(False) == 1


def test_the_rows_of_details_fit_eighty_columns() -> None:
    rows = account().rows()
    assert all(len(row) <= 78 for row in rows)
    assert any("arrivals at bus, details missing" in row for row in rows)
    assert any("attempt 2" in row for row in rows)


def test_every_end_of_a_run_has_its_conversation_in_the_analytics(
    genesys: GenesysCloud, clock: Clock
) -> None:
    def queues(conversation: dict[str, Any]) -> set[str]:
        return {
            segment["queueId"]
            for participant in conversation["participants"]
            for session in participant["sessions"]
            for segment in session["segments"]
            if "queueId" in segment
        }

    analytics = chaotic(genesys, clock)
    for conversation_id in ALL_IDS:
        analytics.add(conversation_id)
    clock.now += LAG_SECONDS
    genesys.analytics.max_ids = len(ALL_IDS)
    request = Request("GET", f"{DETAILS}?id={','.join(ALL_IDS)}")
    answer = genesys.analytics.answer("details", request)
    found = {one["conversationId"]: queues(one) for one in answer.body["conversations"]}
    lacking = [
        event
        for event in TRAFFIC.events
        if event.body["attributes"]["queueId"] not in found[event.conversation_id]
    ]
    assert lacking == []
