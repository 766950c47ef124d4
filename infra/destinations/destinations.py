"""The destinations that are set: their parts in AWS, and the worker's needs for them."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.destinations.archive import Archive
from infra.function import Needs
from infra.secret import reads_secret
from infra.settings.settings import Settings


class Destinations(Construct):
    """The destinations that are set, and no others.

    Attributes
    ----------
    bus
        The EventBridge bus that ends are put on, where `bus` is set.
    archive
        The stream and the bucket that it fills, where `archive` is set.
    needs
        The worker's needs for each of them.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self.bus: events.EventBus | None = None
        self.archive: Archive | None = None
        makers = {
            "actions": lambda _: Needs(),
            "bus": self._bus,
            "webhook": self._webhook,
            "archive": self._archive,
        }
        self.needs = [
            Needs({"DESTINATIONS": ",".join(settings.destinations)}),
            *(makers[name](settings) for name in settings.destinations),
        ]

    def _bus(self, settings: Settings) -> Needs:
        self.bus = events.EventBus(
            self, "Bus", description=f"Conversation ends of Queue Ends, stage {settings.stage}"
        )
        puts_ends = iam.PolicyStatement(
            sid="PutEndsOnBus",
            actions=["events:PutEvents"],
            resources=[self.bus.event_bus_arn],
            conditions={"StringEquals": {"events:source": "queue-ends"}},
        )
        return Needs({"ENDS_BUS": self.bus.event_bus_name}, [puts_ends])

    def _webhook(self, settings: Settings) -> Needs:
        url, secret = str(settings.webhook_url), str(settings.webhook_secret)
        environment = {
            "WEBHOOK_URL": url,
            "WEBHOOK_SECRET": secret,
            "WEBHOOK_ALLOW_PRIVATE": str(settings.webhook_allow_private).lower(),
        }
        return Needs(environment, [reads_secret(self, "ReadWebhookKey", secret)])

    def _archive(self, settings: Settings) -> Needs:
        self.archive = Archive(self, "Archive", settings=settings)
        writes = iam.PolicyStatement(
            sid="WriteToArchive",
            actions=["firehose:PutRecordBatch"],
            resources=[self.archive.stream.attr_arn],
        )
        return Needs({"ARCHIVE_STREAM": self.archive.stream.ref}, [writes])
