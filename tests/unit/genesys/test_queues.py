"""The lookup of queues by id, and of queues that resemble a wrong id."""

import pytest

from genesys.client import GenesysClient
from genesys.errors import GenesysError
from genesys.queue_ids import pack_ids, unpack_ids
from genesys.queues import PATH, Queue, find_queues, find_similar_queues
from local.http.messages import Answer
from tests.unit.genesys.conftest import Api

SUPPORT, BILLING = "a1b2c3d4-e5f6-7890-1234-567890abcdef", "b2c3d4e5-f6a7-4901-8345-67890abcdef1"


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def page(*entities: object, number: int = 1, count: int = 1) -> Answer:
    return Answer(200, {"entities": list(entities), "pageNumber": number, "pageCount": count})


def test_queues_are_looked_up_by_id_with_one_request(client: GenesysClient, api: Api) -> None:
    api.script(page({"id": BILLING, "name": "Billing"}, {"id": SUPPORT, "name": "Support"}))
    assert find_queues(client, [SUPPORT, BILLING]) == {
        SUPPORT: Queue(SUPPORT, "Support"),
        BILLING: Queue(BILLING, "Billing"),
    }
    (request,) = api.requests
    assert request.path == PATH
    assert request.query == {"id": f"{SUPPORT},{BILLING}", "pageNumber": "1", "pageSize": "100"}


def test_more_than_fifty_ids_take_a_second_request(client: GenesysClient, api: Api) -> None:
    ids = [uuid(number) for number in range(51)]
    api.script(page(*({"id": one, "name": "x"} for one in ids[:50])), page({"id": ids[50]}))
    found = find_queues(client, ids)
    assert list(found) == ids
    assert found[ids[50]].name == ""
    assert [request.query["id"].count(",") for request in api.requests] == [49, 0]


def test_all_pages_of_the_answer_are_read(client: GenesysClient, api: Api) -> None:
    api.script(
        page({"id": SUPPORT, "name": "Support"}, count=2),
        page({"id": BILLING, "name": "Billing"}, number=2, count=2),
    )
    assert list(find_queues(client, [SUPPORT, BILLING])) == [SUPPORT, BILLING]


def test_ids_that_the_org_does_not_have_are_absent(client: GenesysClient, api: Api) -> None:
    api.script(page({"id": SUPPORT, "name": "Support"}))
    assert list(find_queues(client, [SUPPORT, BILLING])) == [SUPPORT]


@pytest.mark.parametrize("status", [400, 404])
def test_a_list_of_ids_that_is_refused_is_looked_up_among_all_queues(
    client: GenesysClient, api: Api, status: int
) -> None:
    support = {"id": SUPPORT, "name": "Support"}
    api.script(Answer(status, {"message": "No such queue."}), page(support, {"id": uuid(1)}))
    assert find_queues(client, [SUPPORT, BILLING]) == {SUPPORT: Queue(SUPPORT, "Support")}
    assert "id" not in api.requests[-1].query


def test_an_answer_with_ids_in_upper_case_and_other_queues_is_understood(
    client: GenesysClient, api: Api
) -> None:
    api.script(page({"id": SUPPORT.upper(), "name": "Support"}, {"id": uuid(1)}, {"id": 7}, {}))
    assert find_queues(client, [SUPPORT]) == {SUPPORT: Queue(SUPPORT, "Support")}


def test_an_id_that_is_no_uuid_is_not_sent(client: GenesysClient, api: Api) -> None:
    assert find_queues(client, ["Support"]) == {}
    assert api.requests == []


def test_a_refused_lookup_raises_the_status(client: GenesysClient, api: Api) -> None:
    api.script(Answer(403, {"message": "No."}))
    with pytest.raises(GenesysError) as caught:
        find_queues(client, [SUPPORT])
    assert (caught.value.status, caught.value.path) == (403, PATH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Suport", ["Support", "Support EMEA"]),
        ("support", ["Support", "Support EMEA"]),
        ("billing-invoices", ["Billing invoices", "Billing"]),
        ("EMEA", ["Support EMEA"]),
        (BILLING.replace("4901", "4910"), ["Billing"]),
        (BILLING[:-1], ["Billing"]),
        (uuid(9), []),
        ("xyz", []),
    ],
)
def test_queues_that_resemble_a_wrong_id_are_found_by_name_or_id(
    client: GenesysClient, api: Api, text: str, expected: list[str]
) -> None:
    queues = {
        "Billing invoices": "77777777-1111-4111-8111-111111111111",
        "Billing": BILLING,
        "Support EMEA": "99999999-2222-4222-8222-222222222222",
        "Support": SUPPORT,
        "Übersetzung": "33333333-3333-4333-8333-333333333333",
    }
    api.script(page(*({"id": one, "name": name} for name, one in queues.items())))
    found = find_similar_queues(client, [text])
    assert [queue.name for queue in found[text]] == expected


def test_at_most_three_similar_queues_are_named(client: GenesysClient, api: Api) -> None:
    api.script(page(*({"id": uuid(n), "name": f"Support {n}"} for n in range(9))))
    assert len(find_similar_queues(client, ["Support"])["Support"]) == 3


def test_packed_ids_are_the_same_ids_when_unpacked() -> None:
    ids = (SUPPORT, BILLING, *(uuid(number) for number in range(48)))
    packed = pack_ids(ids)
    assert unpack_ids(packed) == ids
    assert len(packed) == 22 * 50
    assert packed.startswith("obLD1OX2eJASNFZ4kKvN7w")


def test_ids_that_are_no_uuids_are_left_out_of_packed_ids() -> None:
    assert unpack_ids(pack_ids(["support", SUPPORT, "q1"])) == (SUPPORT,)
    assert unpack_ids(pack_ids([])) == ()


@pytest.mark.parametrize("text", ["abc", "obLD1OX2eJASNFZ4kKvN7w1", "é" * 22])
def test_another_text_is_no_packed_ids(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_ids(text)
