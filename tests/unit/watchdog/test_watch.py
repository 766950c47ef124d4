"""What the watchdog sees, and what it says of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem
from local.genesys.stand_in import ORG_ID, GenesysCloud
from resources.subscription import SubscriptionResource
from tests.fakes.aws.cloudformation import EVENT_SOURCE, PROPERTIES, QUEUE_ARN, SUFFIX
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.unit.watchdog.conftest import NAME, Watchdog
from watchdog.watch import SECOND_LOOK, CouldNotLook

SOURCE = f"aws.partner/genesys.com/cloud/{ORG_ID}/{SUFFIX}"
LOOKS = {"login", "list", "read", "organization", "configuration"}


@pytest.fixture(autouse=True)
def source(events: FakePartnerEvents) -> None:
    """The event source of the integration, active."""
    events.appears_after = events.active_after = 0
    events.partner_makes(SOURCE)
    events.make_bus(SOURCE)


def test_a_subscription_as_it_was_deployed_is_healthy(
    of_subscription: Watchdog, genesys: GenesysCloud
) -> None:
    assert of_subscription.look() == []
    assert of_subscription.logged[0]["ids"] == ["sub-1"]
    assert of_subscription.clock.now == 0
    assert genesys.operations == ["login", "list"]


def test_an_integration_as_it_was_deployed_is_healthy(
    of_integration: Watchdog, genesys: GenesysCloud
) -> None:
    assert of_integration.look() == []
    assert of_integration.logged[0]["ids"] == ["int-1"]
    assert of_integration.clock.now == 0
    assert set(genesys.operations) <= LOOKS


def _deleted(genesys: GenesysCloud) -> None:
    genesys.subscriptions.pop("sub-1")


def _changed(**fields: Any) -> Callable[[GenesysCloud], None]:
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
            lambda genesys: genesys.subscriptions.seed(NAME, "arn:aws:sqs:eu-west-1:2:theirs"),
            ["sub-3", "sends to arn:aws:sqs:eu-west-1:2:theirs"],
        ),
        (
            lambda genesys: genesys.subscriptions.seed(
                NAME, QUEUE_ARN, attributeFilter="queueId = 'Q1'", status="active"
            ),
            ["There are 2 subscriptions"],
        ),
        (lambda genesys: genesys.subscriptions.clear(), ["no ends arrive"]),
        (lambda genesys: genesys.always("list", problem(404, "no")), ["refuses", "404"]),
        (lambda genesys: genesys.always("list", problem(403, "no")), ["lacks a permission"]),
    ],
)
def test_a_subscription_that_differs_is_unhealthy(
    of_subscription: Watchdog,
    genesys: GenesysCloud,
    change: Callable[[GenesysCloud], object],
    told: list[str],
) -> None:
    change(genesys)
    said = " ".join(of_subscription.look())
    assert all(words in said for words in told), said
    assert set(genesys.operations) <= LOOKS, "it only looks"


def test_long_filters_that_differ_late_are_told_apart(
    of_subscription: Watchdog, genesys: GenesysCloud
) -> None:
    long = f"queueId in [{', '.join(f'{n:036}' for n in range(10))}, 'LAST']"
    resource = of_subscription.deployed.resource
    assert isinstance(resource, SubscriptionResource)
    resource.spec = replace(resource.spec, attribute_filter=long)
    _changed(attributeFilter=long.replace("LAST", "OTHER"))(genesys)
    (said,) = of_subscription.look()
    assert "OTHER" in said
    assert "LAST" in said


def _properties(genesys: GenesysCloud) -> dict[str, Any]:
    properties: dict[str, Any] = genesys.integrations.configuration("int-1")["properties"]
    return properties


def _configured(**properties: Any) -> Callable[[GenesysCloud, FakePartnerEvents], None]:
    return lambda genesys, _: _properties(genesys).update(properties)


def _shows(**fields: Any) -> Callable[[GenesysCloud, FakePartnerEvents], None]:
    return lambda genesys, _: genesys.integrations["int-1"].update(fields)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda genesys, _: genesys.integrations.pop("int-1"), ["There is no integration", NAME]),
        (_shows(reportedState={"code": "INACTIVE"}), ["int-1 is switched off"]),
        (_shows(intendedState="DISABLED"), ["int-1 is switched off"]),
        (_configured(eventFilter=["v2.other"]), ["its topics are v2.other"]),
        (_configured(awsAccountId="999999999999"), ["There is no integration", "feeds the AWS"]),
        (
            lambda genesys, _: genesys.integrations.seed(NAME, {}),
            ["int-3 has our name and feeds nobody"],
        ),
        (
            lambda genesys, _: genesys.integrations.seed(NAME, _properties(genesys)),
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
def test_an_integration_or_its_source_that_differs_is_unhealthy(
    of_integration: Watchdog,
    genesys: GenesysCloud,
    change: Callable[[GenesysCloud, FakePartnerEvents], object],
    told: list[str],
) -> None:
    change(genesys, of_integration.events)
    said = " ".join(of_integration.look())
    assert all(words in said for words in told), said
    assert set(genesys.operations) <= LOOKS, "it only looks"


def test_a_subscription_put_right_before_the_second_look_is_healthy(
    of_subscription: Watchdog, genesys: GenesysCloud
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
def test_a_login_or_secret_that_is_refused_is_unhealthy(
    of_subscription: Watchdog, secret: Any, told: list[str]
) -> None:
    of_subscription.secrets.put("queue-ends/genesys", secret)
    (said,) = of_subscription.look()
    assert all(words in said for words in told), said


def _fails(status: int) -> Callable[[Watchdog, GenesysCloud], None]:
    return lambda _, genesys: genesys.always("list", problem(status, "not now"))


def _secret_fails(error: Exception) -> Callable[[Watchdog, GenesysCloud], None]:
    def fail(watchdog: Watchdog, _: GenesysCloud) -> None:
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
def test_a_failure_that_may_pass_is_no_finding_but_an_error_of_the_function(
    of_subscription: Watchdog,
    genesys: GenesysCloud,
    failure: Callable[[Watchdog, GenesysCloud], None],
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


def test_an_integration_that_is_being_deleted_does_not_count(
    of_integration: Watchdog, genesys: GenesysCloud
) -> None:
    going = genesys.integrations.seed(NAME, PROPERTIES[EVENT_SOURCE])
    genesys.integrations[going]["intendedState"] = "DELETED"
    assert of_integration.look() == []


def test_a_difference_in_genesys_is_told_though_aws_does_not_answer(
    of_integration: Watchdog, genesys: GenesysCloud
) -> None:
    genesys.integrations["int-1"]["intendedState"] = "DISABLED"
    of_integration.events.failing = "ThrottlingException"
    (said,) = of_integration.look()
    assert "int-1 is switched off" in said


def test_a_difference_that_there_is_no_time_to_see_twice_is_no_finding(
    of_subscription: Watchdog, genesys: GenesysCloud
) -> None:
    _deleted(genesys)
    genesys.before("list", lambda: of_subscription.clock.sleep(95))
    with pytest.raises(CouldNotLook, match="No time was left"):
        of_subscription.look()
    assert genesys.operations == ["login", "list"]
    assert of_subscription.healthy == []


def test_a_quotation_of_others_is_short_on_one_line_and_without_secrets(
    of_subscription: Watchdog, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.seed(NAME, f"arn:\n{CLIENT_SECRET}{'x' * 5_000}")
    (said,) = of_subscription.look()
    assert "sub-3" in said
    assert len(said) <= 300
    assert "\n" not in said
    assert CLIENT_SECRET not in said
