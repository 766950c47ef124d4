"""The stand-in's list of queues: its filters, its pages and its permission."""

from typing import Any

import pytest

from local.genesys.queues import PERMISSIONS, QUEUES
from local.genesys.stand_in import GenesysCloud
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES
from tests.unit.local.genesys.conftest import Api


def listed(api: Api, **query: Any) -> dict[str, str]:
    """Return the names of the listed queues, keyed by id."""
    answer = api.call("GET", QUEUES, params=query)
    assert answer.status_code == 200, answer.text
    return {queue["id"]: queue["name"] for queue in answer.json()["entities"]}


def test_the_queues_of_the_made_up_conversations_are_there_with_their_names(api: Api) -> None:
    found = listed(api)
    assert list(found) == [*OUR_QUEUES, *FOREIGN_QUEUES]
    assert [found[queue_id] for queue_id in OUR_QUEUES] == ["Support", "Billing"]


def test_a_list_of_ids_selects_queues_and_unknown_ids_are_left_out(api: Api) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    found = listed(api, id=f"{OUR_QUEUES[1]},{unknown},{FOREIGN_QUEUES[0]}")
    assert found == {OUR_QUEUES[1]: "Billing", FOREIGN_QUEUES[0]: "Sales"}
    assert listed(api, id=unknown) == {}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("billing", ["Billing"]), ("*ing", ["Billing", "Onboarding"]), ("none", [])],
)
def test_a_name_with_asterisks_selects_queues(api: Api, pattern: str, expected: list[str]) -> None:
    assert list(listed(api, name=pattern).values()) == expected


def test_queues_are_listed_page_by_page(api: Api) -> None:
    answer = api.call("GET", QUEUES, params={"pageSize": 4, "pageNumber": 2}).json()
    assert len(answer["entities"]) == 2
    assert (answer["pageNumber"], answer["pageCount"], answer["total"]) == (2, 2, 6)


def test_a_queue_can_be_added_renamed_and_removed(api: Api, genesys: GenesysCloud) -> None:
    genesys.queues.seed("new", "New")
    genesys.queues.seed(OUR_QUEUES[0], "First line")
    del genesys.queues[OUR_QUEUES[1]]
    found = listed(api)
    assert (found["new"], found[OUR_QUEUES[0]]) == ("New", "First line")
    assert OUR_QUEUES[1] not in found


def test_without_the_permission_queues_are_refused(api: Api, genesys: GenesysCloud) -> None:
    genesys.queues.permissions = ()
    answer = api.call("GET", QUEUES)
    assert answer.status_code == 403
    assert PERMISSIONS["GET"] in answer.json()["message"]
    assert api.call("POST", QUEUES, json={}).status_code == 405
