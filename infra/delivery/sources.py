"""Chooses the subclass of `Source` for the setting `delivery`."""

from collections.abc import Callable, Mapping

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.delivery.eventbridge import EventBridgeSource
from infra.delivery.source import Source
from infra.delivery.subscription import SubscriptionSource
from infra.intake_queues import IntakeQueues
from infra.settings.settings import Settings

SOURCES: Mapping[str, Callable[..., Source]] = {
    "subscription": SubscriptionSource,
    "eventbridge": EventBridgeSource,
}


def make_source(
    scope: Construct, *, settings: Settings, code: lambda_.Code, intake: IntakeQueues
) -> Source:
    """Make the source for the setting `delivery`."""
    return SOURCES[settings.delivery](scope, settings=settings, code=code, intake=intake)
