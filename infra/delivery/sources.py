"""Chooses the subclass of `Source` for the setting `delivery`."""

from collections.abc import Callable, Mapping

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ..intake_queues import IntakeQueues
from ..settings.settings import Settings
from .eventbridge import EventBridgeSource
from .source import Source
from .subscription import SubscriptionSource

SOURCES: Mapping[str, Callable[..., Source]] = {
    "subscription": SubscriptionSource,
    "eventbridge": EventBridgeSource,
}


def make_source(
    scope: Construct, *, settings: Settings, code: lambda_.Code, intake: IntakeQueues
) -> Source:
    """Make the source for the setting `delivery`."""
    return SOURCES[settings.delivery](scope, settings=settings, code=code, intake=intake)
