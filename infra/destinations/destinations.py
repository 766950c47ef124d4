"""The AWS resources of the configured destinations, and what the worker needs to use them."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from ..function.requirements import Requirements
from ..function.secret import secret_read_statement
from ..settings.settings import Settings
from .archive import Archive


class Destinations(Construct):
    """The AWS resources of the configured destinations.

    Attributes
    ----------
    bus
        The EventBridge bus for ends; None if `bus` is not a configured destination.
    archive
        The Firehose stream and its bucket; None if `archive` is not a configured destination.
    worker_requirements
        The environment variables and permissions that the worker needs for the configured
        destinations.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self.bus: events.EventBus | None = None
        self.archive: Archive | None = None
        add_destination = {
            "actions": lambda _: Requirements(),
            "bus": self._add_bus,
            "webhook": self._add_webhook,
            "archive": self._add_archive,
        }
        self.worker_requirements = [
            Requirements({"DESTINATIONS": ",".join(settings.destinations)}),
            *(add_destination[name](settings) for name in settings.destinations),
        ]

    def _add_bus(self, settings: Settings) -> Requirements:
        """Make the bus, and return the worker's requirements for it."""
        self.bus = events.EventBus(
            self, "Bus", description=f"Conversation ends of Queue Ends, stage {settings.stage}"
        )
        put_statement = iam.PolicyStatement(
            sid="PutEndsOnBus",
            actions=["events:PutEvents"],
            resources=[self.bus.event_bus_arn],
            conditions={"StringEquals": {"events:source": "queue-ends"}},
        )
        return Requirements({"ENDS_BUS": self.bus.event_bus_name}, [put_statement])

    def _add_webhook(self, settings: Settings) -> Requirements:
        """Return the worker's requirements for the webhook, which has no AWS resources."""
        secret_name = str(settings.webhook_secret)
        environment = {
            "WEBHOOK_URL": str(settings.webhook_url),
            "WEBHOOK_SECRET": secret_name,
            "WEBHOOK_ALLOW_PRIVATE": str(settings.webhook_allow_private).lower(),
        }
        read_statement = secret_read_statement(self, "ReadWebhookKey", secret_name)
        return Requirements(environment, [read_statement])

    def _add_archive(self, settings: Settings) -> Requirements:
        """Make the archive, and return the worker's requirements for it."""
        self.archive = Archive(self, "Archive", settings=settings)
        write_statement = iam.PolicyStatement(
            sid="WriteToArchive",
            actions=["firehose:PutRecordBatch"],
            resources=[self.archive.stream.attr_arn],
        )
        return Requirements({"ARCHIVE_STREAM": self.archive.stream.ref}, [write_statement])
