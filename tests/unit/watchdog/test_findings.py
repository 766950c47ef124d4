"""The differences that only one delivery can have."""

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

READ_OPERATIONS = {"login", "list", "read", "organization", "configuration"}


def test_a_subscription_is_compared_with_one_list_request(
    subscription_watchdog: Watchdog, genesys: GenesysCloud
) -> None:
    assert subscription_watchdog.check() == []
    assert genesys.operations == ["login", "list"]


def _change_subscription(**fields: Any) -> Callable[[GenesysCloud], None]:
    return lambda genesys: genesys.subscriptions["sub-1"].update(fields)


@pytest.mark.parametrize(
    ("change", "expected_words"),
    [
        (
            _change_subscription(status="inactive"),
            ["sub-1", "status is 'inactive' instead of 'active'"],
        ),
        (_change_subscription(attributeFilter="true"), ["attributeFilter is 'true' instead of"]),
        (_change_subscription(eventTypes=["event:other"]), ["eventTypes", "event:other"]),
        (
            _change_subscription(destination={"type": "aws_sqs", "awsSqs": {"arn": "arn:theirs"}}),
            ["There is no subscription", "sends to arn:theirs"],
        ),
    ],
)
def test_a_subscription_that_differs_is_unhealthy(
    subscription_watchdog: Watchdog,
    genesys: GenesysCloud,
    change: Callable[[GenesysCloud], object],
    expected_words: list[str],
) -> None:
    change(genesys)
    differences = " ".join(subscription_watchdog.check())
    assert all(words in differences for words in expected_words), differences
    assert set(genesys.operations) <= READ_OPERATIONS, "the watchdog only reads"


def test_the_excerpts_of_long_filters_show_a_late_difference(
    subscription_watchdog: Watchdog, genesys: GenesysCloud
) -> None:
    long = f"queueId in [{', '.join(f'{n:036}' for n in range(10))}, 'LAST']"
    resource = subscription_watchdog.deployment.resource
    assert isinstance(resource, SubscriptionResource)
    resource.spec = replace(resource.spec, attribute_filter=long)
    _change_subscription(attributeFilter=long.replace("LAST", "OTHER"))(genesys)
    (difference,) = subscription_watchdog.check()
    assert "OTHER" in difference
    assert "LAST" in difference


def _integration_properties(genesys: GenesysCloud) -> dict[str, Any]:
    properties: dict[str, Any] = genesys.integrations.configuration("int-1")["properties"]
    return properties


def _configure_integration(
    **properties: Any,
) -> Callable[[GenesysCloud, FakePartnerEventSources], None]:
    return lambda genesys, _: _integration_properties(genesys).update(properties)


def _change_integration(**fields: Any) -> Callable[[GenesysCloud, FakePartnerEventSources], None]:
    return lambda genesys, _: genesys.integrations["int-1"].update(fields)


@pytest.mark.parametrize(
    ("change", "expected_words"),
    [
        (_change_integration(reportedState={"code": "INACTIVE"}), ["int-1 is switched off"]),
        (_change_integration(intendedState="DISABLED"), ["int-1 is switched off"]),
        (_configure_integration(eventFilter=["v2.other"]), ["its topics are v2.other"]),
        (
            _configure_integration(awsAccountId="999999999999"),
            ["There is no integration", "feeds the AWS"],
        ),
        (
            lambda genesys, _: genesys.integrations.seed(NAME, {}),
            ["int-3 has our name and feeds nobody"],
        ),
        (lambda _, eventbridge: eventbridge.delete_bus(SOURCE), [SOURCE, "has no event bus"]),
        (lambda _, eventbridge: eventbridge.delete_source(SOURCE), [SOURCE, "was deleted"]),
        (lambda _, eventbridge: eventbridge.sources.clear(), [SOURCE, "was deleted"]),
        (
            lambda _, eventbridge: setattr(
                eventbridge, "permanent_failure", "AccessDeniedException"
            ),
            ["its role needs events:DescribeEventSource"],
        ),
    ],
)
def test_an_integration_or_its_source_that_differs_is_unhealthy(
    integration_watchdog: Watchdog,
    genesys: GenesysCloud,
    change: Callable[[GenesysCloud, FakePartnerEventSources], object],
    expected_words: list[str],
) -> None:
    change(genesys, integration_watchdog.eventbridge)
    differences = " ".join(integration_watchdog.check())
    assert all(words in differences for words in expected_words), differences
    assert set(genesys.operations) <= READ_OPERATIONS, "the watchdog only reads"


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalException"])
def test_an_unknown_source_state_is_no_finding(integration_watchdog: Watchdog, code: str) -> None:
    integration_watchdog.eventbridge.permanent_failure = code
    with pytest.raises(ComparisonFailed, match=code):
        integration_watchdog.check()
    assert integration_watchdog.healthy == []


def test_an_integration_that_is_being_deleted_does_not_count(
    integration_watchdog: Watchdog, genesys: GenesysCloud
) -> None:
    deleted_id = genesys.integrations.seed(NAME, PROPERTIES[EVENT_SOURCE])
    genesys.integrations[deleted_id]["intendedState"] = "DELETED"
    assert integration_watchdog.check() == []


def test_a_difference_in_genesys_is_reported_although_aws_does_not_respond(
    integration_watchdog: Watchdog, genesys: GenesysCloud
) -> None:
    genesys.integrations["int-1"]["intendedState"] = "DISABLED"
    integration_watchdog.eventbridge.permanent_failure = "ThrottlingException"
    (difference,) = integration_watchdog.check()
    assert "int-1 is switched off" in difference


def test_a_foreign_string_is_shortened_to_one_line_without_secrets(
    subscription_watchdog: Watchdog, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.seed(NAME, f"arn:\n{CLIENT_SECRET}{'x' * 5_000}")
    (difference,) = subscription_watchdog.check()
    assert "sub-3" in difference
    assert len(difference) <= 300
    assert "\n" not in difference
    assert CLIENT_SECRET not in difference
