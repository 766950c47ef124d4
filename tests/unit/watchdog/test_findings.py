"""The watchdog's findings on a subscription, or on an integration and its event source."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local.genesys.login import CLIENT_SECRET
from local.genesys.stand_in import GenesysCloud
from resources.subscription import SubscriptionResource
from tests.fakes.aws.cloudformation import EVENT_SOURCE, NAME, PROPERTIES
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.unit.watchdog.conftest import SOURCE, Watchdog
from watchdog.watch import ComparisonFailed

LOOKS = {"login", "list", "read", "organization", "configuration"}


def test_a_subscription_is_looked_at_by_one_list(
    of_subscription: Watchdog, genesys: GenesysCloud
) -> None:
    assert of_subscription.look() == []
    assert genesys.operations == ["login", "list"]


def _changed(**fields: Any) -> Callable[[GenesysCloud], None]:
    return lambda genesys: genesys.subscriptions["sub-1"].update(fields)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_changed(status="inactive"), ["sub-1", "status is 'inactive' instead of 'active'"]),
        (_changed(attributeFilter="true"), ["attributeFilter is 'true' instead of"]),
        (_changed(eventTypes=["event:other"]), ["eventTypes", "event:other"]),
        (
            _changed(destination={"type": "aws_sqs", "awsSqs": {"arn": "arn:theirs"}}),
            ["There is no subscription", "sends to arn:theirs"],
        ),
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


def _configured(**properties: Any) -> Callable[[GenesysCloud, FakePartnerEventSources], None]:
    return lambda genesys, _: _properties(genesys).update(properties)


def _shows(**fields: Any) -> Callable[[GenesysCloud, FakePartnerEventSources], None]:
    return lambda genesys, _: genesys.integrations["int-1"].update(fields)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_shows(reportedState={"code": "INACTIVE"}), ["int-1 is switched off"]),
        (_shows(intendedState="DISABLED"), ["int-1 is switched off"]),
        (_configured(eventFilter=["v2.other"]), ["its topics are v2.other"]),
        (_configured(awsAccountId="999999999999"), ["There is no integration", "feeds the AWS"]),
        (
            lambda genesys, _: genesys.integrations.seed(NAME, {}),
            ["int-3 has our name and feeds nobody"],
        ),
        (lambda _, eventbridge: eventbridge.delete_bus(SOURCE), [SOURCE, "has no event bus"]),
        (lambda _, eventbridge: eventbridge.partner_deletes(SOURCE), [SOURCE, "was deleted"]),
        (lambda _, eventbridge: eventbridge.sources.clear(), [SOURCE, "was deleted"]),
        (
            lambda _, eventbridge: setattr(eventbridge, "failing", "AccessDeniedException"),
            ["its role needs events:DescribeEventSource"],
        ),
    ],
)
def test_an_integration_or_its_source_that_differs_is_unhealthy(
    of_integration: Watchdog,
    genesys: GenesysCloud,
    change: Callable[[GenesysCloud, FakePartnerEventSources], object],
    told: list[str],
) -> None:
    change(genesys, of_integration.eventbridge)
    said = " ".join(of_integration.look())
    assert all(words in said for words in told), said
    assert set(genesys.operations) <= LOOKS, "it only looks"


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalException"])
def test_an_event_source_that_aws_cannot_tell_of_is_no_finding(
    of_integration: Watchdog, code: str
) -> None:
    of_integration.eventbridge.failing = code
    with pytest.raises(ComparisonFailed, match=code):
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
    of_integration.eventbridge.failing = "ThrottlingException"
    (said,) = of_integration.look()
    assert "int-1 is switched off" in said


def test_a_quotation_of_others_is_short_on_one_line_and_without_secrets(
    of_subscription: Watchdog, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.seed(NAME, f"arn:\n{CLIENT_SECRET}{'x' * 5_000}")
    (said,) = of_subscription.look()
    assert "sub-3" in said
    assert len(said) <= 300
    assert "\n" not in said
    assert CLIENT_SECRET not in said
