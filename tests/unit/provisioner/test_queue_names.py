"""`Custom::GenesysQueueNames` looks up names; an unknown id fails a deploy, never a roll-back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem, too_many_requests
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES
from provisioner.response import Response
from tests.fakes.aws.cloudformation import QUEUE_NAMES, CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock

SUPPORT, BILLING = OUR_QUEUES
SALES = FOREIGN_QUEUES[0]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
OTHER_UNKNOWN = "ffffffff-0000-4000-8000-000000000000"
FIRST, SECOND, THIRD = (f"2026-12-01T10:0{minute}:00Z" for minute in range(3))
OUTAGES = (
    Answer(fate="lost"),
    problem(500, "Oops."),
    problem(503, "Unavailable."),
    too_many_requests(900),
)


@pytest.fixture
def stack(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
) -> CloudFormation:
    """A stack that uses the names of two queues."""
    return CloudFormation(http.url, clock, secrets, eventbridge, QUEUE_NAMES)


@pytest.fixture
def deployed(stack: CloudFormation, genesys: GenesysCloud) -> CloudFormation:
    """The stack after a Create."""
    assert stack.create(RequestedAt=FIRST).status == "SUCCESS"
    genesys.calls.clear()
    return stack


def data_of(response: Response) -> dict[str, str]:
    assert response.status == "SUCCESS", response.reason
    assert response.data
    return dict(response.data)


def test_a_create_returns_the_names_the_labels_and_a_summary(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    response = stack.create()
    assert data_of(response) == {
        "Names": "Support\nBilling",
        "Labels": "Support (a1b2…)|Billing (b2c3…)",
        "Summary": "Support (a1b2…), Billing (b2c3…)",
    }
    assert genesys.operations == ["login", "queues"]


def test_an_earlier_version_of_the_provisioner_can_delete_the_names(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    physical_id = stack.create().physical_id
    assert physical_id.startswith("nothing-created/queue-names/127.0.0.1:")
    genesys.calls.clear()
    stack.resource_type = "Custom::FromALaterVersion"  # unknown, as the names are to that version
    assert stack.delete().status == "SUCCESS"
    assert genesys.calls == []


def test_the_lookup_needs_no_scope_of_the_subscriptions(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.scopes = ()
    assert data_of(stack.create())["Names"] == "Support\nBilling"


def test_a_renamed_queue_has_its_new_name_after_the_next_deploy(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    physical_id = deployed.physical_id
    genesys.queues.seed(SUPPORT, "First line")
    response = deployed.update(RequestedAt=SECOND)
    assert data_of(response)["Names"] == "First line\nBilling"
    assert response.physical_id == physical_id, "another id would be a replacement"


def test_a_create_with_an_unknown_id_fails_and_names_it(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    response = stack.create(QueueIds=[SUPPORT, UNKNOWN])
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    for words in ("127.0.0.1", f"no queue with the id '{UNKNOWN}'", "queue_ids", "division"):
        assert words in response.reason
    assert SUPPORT not in response.reason
    assert "Similar" not in response.reason
    genesys.calls.clear()
    assert stack.delete().status == "SUCCESS"
    assert genesys.calls == []


def test_a_name_given_instead_of_an_id_fails_and_shows_queues_with_similar_names(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.queues.seed(UNKNOWN, "Support EMEA")
    response = stack.create(QueueIds=["Suport", BILLING])
    assert response.status == "FAILED"
    assert "the id 'Suport'" in response.reason
    assert f"'Support' has the id {SUPPORT}, 'Support EMEA' has the id {UNKNOWN}" in response.reason
    assert "BILLING" not in response.reason


def test_the_reason_for_fifty_unknown_ids_is_whole_and_fits(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    ids = [f"{number:08}-0000-4000-8000-000000000000" for number in range(50)]
    response = stack.create(QueueIds=ids)
    body = response.body({"StackId": "s" * 200, "RequestId": UNKNOWN, "LogicalResourceId": "q"})
    assert len(body) <= 4096
    assert all(queue_id in json.loads(body)["Reason"] for queue_id in ids)


def test_similar_names_that_cannot_be_listed_leave_the_reason_without_them(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.instead("queues", problem(500, "Oops."))
    response = stack.create(QueueIds=["Suport"])
    assert response.status == "FAILED"
    assert "the id 'Suport'" in response.reason
    assert "Oops" not in response.reason


@pytest.mark.parametrize("ids", [[SUPPORT, UNKNOWN], ["Support"]])
def test_without_the_permission_a_deploy_goes_on_with_ids_and_says_so_once(
    stack: CloudFormation, genesys: GenesysCloud, ids: list[str]
) -> None:
    genesys.queues.permissions = ()
    data = data_of(stack.create(QueueIds=ids))
    assert data["Names"] == " "
    assert data["Labels"].split("|") == ids
    assert "routing:queue:view" in data["Summary"]
    warnings = [line for line in map(json.loads, stack.log.splitlines()) if line["level"] != "INFO"]
    assert [line["message"] for line in warnings] == ["queue names unknown"]
    assert "routing:queue:view" in warnings[0]["detail"]


@pytest.mark.parametrize("ids", [[SUPPORT, BILLING], ["Support"]])
def test_behind_a_proxy_without_the_list_of_queues_a_deploy_goes_on_with_ids(
    stack: CloudFormation, genesys: GenesysCloud, ids: list[str]
) -> None:
    genesys.instead("queues", *[problem(404, "HTTP 404 Not Found")] * 3)
    data = data_of(stack.create(QueueIds=ids))
    assert data["Labels"].split("|") == ids
    assert "/api/v2/routing/queues" in data["Summary"]


def test_an_update_with_an_unknown_id_fails(deployed: CloudFormation) -> None:
    response = deployed.update(QueueIds=[SUPPORT, UNKNOWN], RequestedAt=SECOND)
    assert response.status == "FAILED"
    assert UNKNOWN in response.reason


def test_an_update_fails_if_a_queue_has_been_deleted(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    del genesys.queues[BILLING]
    response = deployed.update(RequestedAt=SECOND)
    assert response.status == "FAILED"
    assert BILLING in response.reason


def test_a_roll_back_to_a_deleted_queue_goes_on_with_its_id(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    del genesys.queues[BILLING]
    assert deployed.update(QueueIds=[SUPPORT, UNKNOWN], RequestedAt=SECOND).status == "FAILED"
    data = data_of(deployed.roll_back())
    assert data["Names"] == "Support\n"
    assert data["Labels"].split("|") == ["Support (a1b2…)", BILLING]
    assert data["Summary"] == f"Not found in Genesys Cloud: {BILLING}."


def _spoil_secret(stack: CloudFormation, genesys: GenesysCloud) -> None:
    stack.secrets.held.clear()


def _refuse_login(stack: CloudFormation, genesys: GenesysCloud) -> None:
    genesys.client_secret = "another"


def _fail(answer: Answer) -> Callable[[CloudFormation, GenesysCloud], None]:
    return lambda _, genesys: genesys.always("queues", answer)


@pytest.mark.parametrize(
    "spoil",
    [_spoil_secret, _refuse_login, *map(_fail, (*OUTAGES, problem(400, "No.")))],
    ids=["no secret", "login refused", "lost", "500", "503", "429", "400"],
)
def test_a_roll_back_goes_on_with_ids_after_any_error(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    spoil: Callable[[CloudFormation, GenesysCloud], None],
) -> None:
    deployed.update(QueueIds=[UNKNOWN], RequestedAt=SECOND)
    spoil(deployed, genesys)
    data = data_of(deployed.roll_back())
    assert data["Names"] == " "
    assert data["Labels"].split("|") == [SUPPORT, BILLING]
    assert "could not be looked up" in data["Summary"]
    assert CLIENT_SECRET not in deployed.log + data["Summary"]


def test_a_roll_back_goes_on_after_an_unforeseen_error_without_its_message(
    deployed: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError(CLIENT_SECRET)

    deployed.update(QueueIds=[UNKNOWN], RequestedAt=SECOND)
    monkeypatch.setattr("resources.queue_names.find_queues", fail)
    data = data_of(deployed.roll_back())
    assert data["Summary"].endswith("looked up: KeyError.")
    assert CLIENT_SECRET not in deployed.log


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), (FIRST, ""), ("", SECOND)], ids=["never", "before", "after"]
)
def test_an_update_that_may_be_a_roll_back_fails_for_new_ids_only(
    stack: CloudFormation, genesys: GenesysCloud, before: str, after: str
) -> None:
    assert stack.create(RequestedAt=before).status == "SUCCESS"
    del genesys.queues[BILLING]
    response = stack.update(QueueIds=[SUPPORT, BILLING, UNKNOWN], RequestedAt=after)
    assert response.status == "FAILED"
    assert UNKNOWN in response.reason
    assert BILLING not in response.reason
    data = data_of(stack.roll_back())
    assert data["Names"] == "Support\n"


@pytest.mark.parametrize("outage", OUTAGES, ids=str)
@pytest.mark.parametrize("ids", [[SUPPORT, BILLING], [SUPPORT]], ids=["same", "fewer"])
def test_an_update_without_new_ids_goes_on_with_ids_during_an_outage(
    deployed: CloudFormation, genesys: GenesysCloud, outage: Answer, ids: list[str]
) -> None:
    genesys.always("queues", outage)
    data = data_of(deployed.update(QueueIds=ids, RequestedAt=SECOND))
    assert data["Names"] == " "
    assert data["Labels"].split("|") == ids
    assert "until the next deploy" in data["Summary"]
    assert deployed.clock.now <= 70


def test_an_update_without_new_ids_goes_on_if_genesys_cloud_does_not_answer_in_time(
    deployed: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr("resources.queue_names.find_queues", hang)
    assert data_of(deployed.update(RequestedAt=SECOND))["Names"] == " "
    added = deployed.update(QueueIds=[SUPPORT, SALES], RequestedAt=THIRD)
    assert (added.status, added.reason) == (
        "FAILED",
        "Genesys Cloud did not answer in time. Deploy again.",
    )


@pytest.mark.parametrize("outage", OUTAGES, ids=str)
def test_an_update_with_a_new_id_fails_during_an_outage(
    deployed: CloudFormation, genesys: GenesysCloud, outage: Answer
) -> None:
    genesys.always("queues", outage)
    response = deployed.update(QueueIds=[SUPPORT, BILLING, SALES], RequestedAt=SECOND)
    assert response.status == "FAILED"
    assert response.physical_id == deployed.physical_id


@pytest.mark.parametrize(
    ("operation", "failure", "expected_words"),
    [
        ("login", Answer(401, {"error": "invalid_client"}), ["client id or client secret"]),
        ("queues", Answer(fate="lost"), ["could not be reached", "genesys_environment"]),
        ("queues", problem(500, "Oops."), ["Deploy again later", "Oops."]),
        ("queues", too_many_requests(900), ["limits this OAuth client's requests"]),
        ("queues", problem(400, "Bad id."), ["Bad id."]),
        ("queues", Answer(200, []), ["the response has another form: expected object, got array"]),
        ("queues", Answer(200, b'"' + b"x" * 9_000_000 + b'"'), ["more than 8,388,608 bytes"]),
        ("queues", Answer(200, b"[" * 100_000), ["is not JSON"]),
    ],
    ids=lambda value: str(value)[:80],
)
def test_a_create_fails_like_every_other_request(
    stack: CloudFormation,
    genesys: GenesysCloud,
    operation: str,
    failure: Answer,
    expected_words: list[str],
) -> None:
    genesys.always(operation, failure)
    response = stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    for words in expected_words:
        assert words in response.reason
    assert "may still exist" not in response.reason


def test_a_secret_in_a_queue_s_name_is_masked(stack: CloudFormation, genesys: GenesysCloud) -> None:
    genesys.queues.seed(SUPPORT, f"Support {CLIENT_SECRET.upper()}")
    response = stack.create()
    assert data_of(response)["Names"] == "Support …\nBilling"
    assert CLIENT_SECRET.upper() not in stack.log + response.body({}).decode()


def test_a_create_without_its_secret_says_what_to_do(stack: CloudFormation) -> None:
    stack.secrets.held.clear()
    response = stack.create()
    assert response.status == "FAILED"
    assert "queue-ends/genesys" in response.reason


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("QueueIds", []),
        ("QueueIds", "q1"),
        ("EnvironmentBytes", "many"),
        ("EnvironmentBytes", ""),
        ("LoginUrl", "http://example.com"),
        ("SecretName", ""),
    ],
)
def test_a_create_with_an_invalid_property_names_it(
    stack: CloudFormation, key: str, value: object
) -> None:
    response = stack.create(**{key: value})
    assert response.status == "FAILED"
    assert key in response.reason


def test_names_that_do_not_fit_are_left_out_and_logged(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.queues.seed(BILLING, "Billing " * 20)
    assert data_of(stack.create(EnvironmentBytes="20"))["Names"] == "Support\n"
    (line,) = [line for line in map(json.loads, stack.log.splitlines()) if "queue_ids" in line]
    assert (line["level"], line["queue_ids"]) == ("WARNING", [BILLING])


@pytest.mark.parametrize("invalid", [{}, {"QueueIds": []}])
def test_a_delete_succeeds_without_a_request(
    deployed: CloudFormation, genesys: GenesysCloud, invalid: dict[str, Any]
) -> None:
    deployed.properties |= invalid
    deployed.secrets.held.clear()
    assert deployed.delete().status == "SUCCESS"
    assert genesys.calls == []


def test_another_org_is_another_custom_resource(deployed: CloudFormation, http: HttpServer) -> None:
    host = http.url.replace("127.0.0.1", "localhost")
    physical_id = deployed.physical_id
    response = deployed.update(ApiUrl=host, LoginUrl=host, RequestedAt=THIRD)
    assert data_of(response)["Names"] == "Support\nBilling"
    assert response.physical_id != physical_id
