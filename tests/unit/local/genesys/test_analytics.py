"""The stand-in's analytics answer with the conversations that they have, late if so set."""

from collections.abc import Sequence
from typing import Any

import pytest
import requests

from local.genesys.analytics import DETAILS, PERMISSION, Ask, half
from local.genesys.stand_in import GenesysCloud
from local.traffic.analytics import analytics_of
from local.traffic.eventbridge import partner_conversations
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api

CONVERSATIONS = [
    analytics_of(one.events) for one in partner_conversations(1, 4, stories=["answered"])
]
IDS = [one["conversationId"] for one in CONVERSATIONS]
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def known(genesys: GenesysCloud) -> None:
    """Add the conversations to the org's analytics."""
    for conversation in CONVERSATIONS:
        genesys.analytics.add(conversation)


def ask(api: Api, *ids: str) -> requests.Response:
    return api.call("GET", DETAILS, params={"id": ",".join(ids)})


def answered(api: Api, ids: Sequence[str] = IDS) -> list[str]:
    """Return the ids of the conversations in an answer."""
    answer = ask(api, *ids)
    assert answer.status_code == 200, answer.text
    return [one["conversationId"] for one in answer.json()["conversations"]]


def parts(api: Api) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
    """Return the first conversation, its wrap-up segment, and the names of its agent's metrics."""
    (conversation,) = ask(api, IDS[0]).json()["conversations"]
    (session,) = conversation["participants"][-1]["sessions"]
    names = {metric["name"] for metric in session["metrics"]}
    return conversation, session["segments"][-1], names


def test_several_conversations_are_answered_whole(api: Api) -> None:
    assert ask(api, *IDS).json() == {"conversations": CONVERSATIONS}


def test_an_id_may_be_a_parameter_of_its_own(api: Api) -> None:
    answer = api.call("GET", DETAILS, params={"id": IDS[:2]})
    assert answer.json() == {"conversations": CONVERSATIONS[:2]}


def test_an_id_that_is_asked_for_twice_is_answered_once(api: Api) -> None:
    assert answered(api, [*IDS, IDS[0]]) == IDS


def test_a_client_without_the_permission_is_refused(genesys: GenesysCloud, api: Api) -> None:
    genesys.analytics.permissions = ()
    answer = ask(api, *IDS)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing.any.permissions")
    assert PERMISSION in answer.json()["message"]


def test_a_client_that_is_not_logged_in_is_refused(stranger: Api) -> None:
    assert ask(stranger, *IDS).status_code == 401


def test_analytics_have_no_other_method(api: Api) -> None:
    assert api.call("POST", DETAILS).status_code == 405


def test_a_conversation_is_absent_until_its_lag_is_over(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.analytics.lag_seconds = 60
    genesys.analytics.add(CONVERSATIONS[0], lag_seconds=10)

    found = []
    for _ in range(3):
        found.append(answered(api))
        clock.now += 30

    assert found == [[], IDS[:1], IDS]


def test_a_conversation_is_there_before_its_end(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.analytics.end_lag_seconds = 60
    assert "conversationEnd" not in parts(api)[0]
    clock.now += 60
    assert parts(api)[0] == CONVERSATIONS[0]


def test_a_wrap_up_is_open_at_first(genesys: GenesysCloud, api: Api, clock: Clock) -> None:
    genesys.analytics.wrapup_lag_seconds = 60

    conversation, wrapup, names = parts(api)
    assert "conversationEnd" in conversation
    assert wrapup["segmentType"] == "wrapup"
    assert wrapup.keys().isdisjoint({"segmentEnd", "wrapUpCode", "wrapUpNote"})
    assert names.isdisjoint({"tAcw", "tHandle"})

    clock.now += 60
    conversation, wrapup, names = parts(api)
    assert wrapup.keys() >= {"segmentEnd", "wrapUpCode", "wrapUpNote"}
    assert names >= {"tAcw", "tHandle"}


def test_unknown_and_withheld_conversations_are_left_out(genesys: GenesysCloud, api: Api) -> None:
    genesys.analytics.withheld = {IDS[1]}
    assert answered(api, [NOBODY, *IDS]) == [IDS[0], *IDS[2:]]


def test_an_unknown_conversation_can_fail_the_whole_request(
    genesys: GenesysCloud, api: Api
) -> None:
    genesys.analytics.unknown_is_404 = True
    assert ask(api, *IDS, NOBODY).status_code == 404
    assert answered(api) == IDS


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_with_too_many_ids_is_refused(
    genesys: GenesysCloud, api: Api, status: int
) -> None:
    genesys.analytics.max_ids, genesys.analytics.too_many_ids_status = 3, status
    assert ask(api, *IDS).status_code == status
    assert answered(api, IDS[:3]) == IDS[:3]


def test_an_answer_can_have_half_of_the_conversations(genesys: GenesysCloud, api: Api) -> None:
    genesys.analytics.select = half
    assert answered(api) == IDS[::2]
    assert answered(api, IDS[1:2]) == IDS[1:2]


@pytest.mark.parametrize("ids", ["", "c1", f"{IDS[0]},", f"{IDS[0]} {IDS[1]}", IDS[0][:-1]])
def test_a_request_with_a_malformed_id_is_refused(api: Api, ids: str) -> None:
    assert ask(api, ids).status_code == 400


def test_every_ask_is_recorded(genesys: GenesysCloud, api: Api, clock: Clock) -> None:
    ask(api, IDS[0], NOBODY)
    clock.now += 5
    ask(api, IDS[0], "c1")

    analytics = genesys.analytics
    assert analytics.asks == [Ask(0, (IDS[0], NOBODY), (IDS[0],)), Ask(5, (IDS[0], "c1"))]
    assert analytics.id_count == 4
    assert [analytics.asked_count(each) for each in (IDS[0], NOBODY, IDS[1])] == [2, 1, 0]


def test_no_answer_can_change_a_conversation(genesys: GenesysCloud, api: Api) -> None:
    genesys.analytics.end_lag_seconds = genesys.analytics.wrapup_lag_seconds = 60
    before = repr(CONVERSATIONS)
    ask(api, *IDS)
    assert repr(CONVERSATIONS) == before
