"""What the watchdog sees, and what it says of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from genesys.properties import EVENT_SOURCE
from genesys.subscriptions import Subscription
from tests.fakes.aws.cloudformation import PROPERTIES, QUEUE_ARN, SUFFIX
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.genesys import CLIENT_SECRET, FakeGenesys, problem
from tests.fakes.genesys_integrations import ORGANIZATION_ID, FakeIntegrations
from tests.unit.watchdog.conftest import NAME, Watchdog
from watchdog.deployed import Deployed
from watchdog.watch import SECOND_LOOK, CouldNotLook

SOURCE = f"aws.partner/genesys.com/cloud/{ORGANIZATION_ID}/{SUFFIX}"
LOOKS = {"login", "list", "read", "organization", "configuration"}


@pytest.fixture(autouse=True)
def source(events: FakePartnerEvents) -> None:
    """The event source of the integration, active."""
    events.appears_after = events.active_after = 0
    events.partner_makes(SOURCE)
    events.make_bus(SOURCE)


def test_a_subscription_as_it_was_deployed_is_healthy(
    of_subscription: Watchdog, genesys: FakeGenesys
) -> None:
    assert of_subscription.look() == []
    assert of_subscription.logged[0]["ids"] == ["sub-1"]
    assert of_subscription.clock.now == 0
    assert genesys.operations == ["login", "list"]


def test_an_integration_as_it_was_deployed_is_healthy(
    of_integration: Watchdog, org: FakeIntegrations
) -> None:
    assert of_integration.look() == []
    assert of_integration.logged[0]["ids"] == ["int-1"]
    assert of_integration.clock.now == 0
    assert set(org.operations) <= LOOKS


def _deleted(genesys: FakeGenesys) -> None:
    genesys.subscriptions.pop("sub-1")


def _changed(**fields: Any) -> Callable[[FakeGenesys], None]:
    return lambda genesys: genesys.subscriptions["sub-1"].update(fields)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_deleted, ["There is no subscription 'queue-ends-dev' of ours"]),
        (_changed(status="inactive"), ["sub-1", "status is 'inactive' instead of 'active'"]),
        (_changed(attributeFilter="true"), ["attributeFilter is 'true' instead of"]),
        (_changed(eventTypes=["event:other"]), ["eventTypes", "event:other"]),
        (
            _changed(destination={"type": "aws_sqs", "awsSqs": {"arn": "arn:theirs"}}),
            ["There is no subscription", "sends to arn:theirs"],
        ),
        (
            lambda genesys: genesys.hold(NAME, "arn:aws:sqs:eu-west-1:2:theirs"),
            ["sub-3", "sends to arn:aws:sqs:eu-west-1:2:theirs"],
        ),
        (
            lambda genesys: genesys.hold(
                NAME, QUEUE_ARN, attributeFilter="queueId = 'Q1'", status="active"
            ),
            ["There are 2 subscriptions"],
        ),
        (lambda genesys: genesys.subscriptions.clear(), ["no ends arrive"]),
        (lambda genesys: genesys.always("list", problem(404, "no")), ["refuses", "404"]),
        (lambda genesys: genesys.always("list", problem(403, "no")), ["lacks a permission"]),
    ],
)
def test_a_subscription_that_differs_is_not(
    of_subscription: Watchdog,
    genesys: FakeGenesys,
    change: Callable[[FakeGenesys], object],
    told: list[str],
) -> None:
    change(genesys)
    said = " ".join(of_subscription.look())
    assert all(words in said for words in told), said
    assert set(genesys.operations) <= LOOKS, "it only looks"


def test_long_filters_that_differ_late_are_told_apart(
    of_subscription: Watchdog, genesys: FakeGenesys
) -> None:
    long = f"queueId in [{', '.join(f'{n:036}' for n in range(10))}, 'LAST']"
    properties = of_subscription.deployed.properties
    assert isinstance(properties.wanted, Subscription)
    wanted = replace(properties.wanted, attribute_filter=long)
    of_subscription.deployed = Deployed("dev", replace(properties, wanted=wanted))
    _changed(attributeFilter=long.replace("LAST", "OTHER"))(genesys)
    (said,) = of_subscription.look()
    assert "OTHER" in said
    assert "LAST" in said


def _configured(**properties: Any) -> Callable[[FakeIntegrations, FakePartnerEvents], None]:
    return lambda org, _: org.configuration("int-1")["properties"].update(properties)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda org, _: org.integrations.pop("int-1"), ["There is no integration", NAME]),
        (
            lambda org, _: org.integrations["int-1"].update(reportedState={"code": "INACTIVE"}),
            ["int-1 is switched off"],
        ),
        (
            lambda org, _: org.integrations["int-1"].update(intendedState="DISABLED"),
            ["int-1 is switched off"],
        ),
        (_configured(eventFilter=["v2.other"]), ["its topics are v2.other"]),
        (_configured(awsAccountId="999999999999"), ["There is no integration", "feeds the AWS"]),
        (lambda org, _: org.hold(NAME), ["int-3 has our name and feeds nobody"]),
        (
            lambda org, _: org.hold(NAME, **org.configuration("int-1")["properties"]),
            ["There are 2 integrations"],
        ),
        (lambda _, events: events.delete_bus(SOURCE), [SOURCE, "has no event bus"]),
        (lambda _, events: events.partner_deletes(SOURCE), [SOURCE, "was deleted"]),
        (lambda _, events: events.sources.clear(), [SOURCE, "was deleted"]),
        (
            lambda _, events: setattr(events, "failing", "AccessDeniedException"),
            ["its role needs events:DescribeEventSource"],
        ),
    ],
)
def test_an_integration_or_its_source_that_differs_is_not(
    of_integration: Watchdog,
    org: FakeIntegrations,
    change: Callable[[FakeIntegrations, FakePartnerEvents], object],
    told: list[str],
) -> None:
    change(org, of_integration.events)
    said = " ".join(of_integration.look())
    assert all(words in said for words in told), said
    assert set(org.operations) <= LOOKS, "it only looks"


def test_what_is_put_right_before_the_second_look_is_healthy(
    of_subscription: Watchdog, genesys: FakeGenesys
) -> None:
    """A deploy may be under way."""
    _changed(attributeFilter="true")(genesys)
    mended = PROPERTIES["Custom::GenesysSubscription"]["AttributeFilter"]
    of_subscription.clock.at(SECOND_LOOK - 1, lambda: _changed(attributeFilter=mended)(genesys))
    assert of_subscription.look() == []
    assert of_subscription.clock.now == SECOND_LOOK


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (None, ["marked for deletion"]),
        ({"client_id": "x", "client_secret": "other"}, ["refuses the login", "401"]),
        ("no JSON", ["is not JSON"]),
    ],
)
def test_being_refused_is_not_healthy(
    of_subscription: Watchdog, secret: Any, told: list[str]
) -> None:
    of_subscription.secrets.put("queue-ends/genesys", secret)
    (said,) = of_subscription.look()
    assert all(words in said for words in told), said


def _fails(status: int) -> Callable[[Watchdog, FakeGenesys], None]:
    return lambda _, genesys: genesys.always("list", problem(status, "not now"))


def _secret_fails(error: Exception) -> Callable[[Watchdog, FakeGenesys], None]:
    def fail(watchdog: Watchdog, _: FakeGenesys) -> None:
        watchdog.secrets.failure = error

    return fail


def _client_error(code: str, status: int) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": CLIENT_SECRET},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "GetSecretValue")


@pytest.mark.parametrize(
    "failure",
    [
        _fails(429),
        _fails(500),
        _fails(503),
        _secret_fails(EndpointConnectionError(endpoint_url="https://x.example")),
        _secret_fails(_client_error("InternalServiceError", 500)),
        _secret_fails(_client_error("ThrottlingException", 400)),
        _secret_fails(_client_error("ExpiredTokenException", 400)),
        _secret_fails(RuntimeError(CLIENT_SECRET)),
    ],
)
def test_what_may_pass_is_no_finding_but_an_error_of_the_function(
    of_subscription: Watchdog,
    genesys: FakeGenesys,
    failure: Callable[[Watchdog, FakeGenesys], None],
) -> None:
    failure(of_subscription, genesys)
    with pytest.raises(CouldNotLook) as caught:
        of_subscription.look()
    assert of_subscription.healthy == []
    (line,) = of_subscription.logged
    assert line["level"] == "WARNING"
    assert CLIENT_SECRET not in str(caught.value) + str(line)
    assert caught.value.__suppress_context__
    assert of_subscription.clock.now < 120


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalException"])
def test_an_event_source_that_aws_cannot_tell_of_is_no_finding(
    of_integration: Watchdog, code: str
) -> None:
    of_integration.events.failing = code
    with pytest.raises(CouldNotLook, match=code):
        of_integration.look()
    assert of_integration.healthy == []


def test_one_that_is_being_deleted_does_not_count(
    of_integration: Watchdog, org: FakeIntegrations
) -> None:
    going = org.hold(NAME, **PROPERTIES[EVENT_SOURCE])
    org.integrations[going]["intendedState"] = "DELETED"
    assert of_integration.look() == []


def test_what_is_wrong_for_certain_is_told_though_aws_does_not_answer(
    of_integration: Watchdog, org: FakeIntegrations
) -> None:
    org.integrations["int-1"]["intendedState"] = "DISABLED"
    of_integration.events.failing = "ThrottlingException"
    (said,) = of_integration.look()
    assert "int-1 is switched off" in said


def test_a_difference_that_there_is_no_time_to_see_twice_is_no_finding(
    of_subscription: Watchdog, genesys: FakeGenesys
) -> None:
    _deleted(genesys)
    genesys.before("list", lambda: of_subscription.clock.sleep(95))
    with pytest.raises(CouldNotLook, match="No time was left"):
        of_subscription.look()
    assert genesys.operations == ["login", "list"]
    assert of_subscription.healthy == []


def test_what_others_wrote_is_short_on_one_line_and_holds_no_secret(
    of_subscription: Watchdog, genesys: FakeGenesys
) -> None:
    genesys.hold(NAME, f"arn:\n{CLIENT_SECRET}{'x' * 5_000}")
    (said,) = of_subscription.look()
    assert "sub-3" in said
    assert len(said) <= 300
    assert "\n" not in said
    assert CLIENT_SECRET not in said
