"""The stack: puts the parts together, nothing else."""

from aws_cdk import AssetHashType, CfnOutput, Stack, Tags
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.delivery.eventbridge import EventBridgeSource
from infra.delivery.subscription import SubscriptionSource
from infra.destinations.destinations import Destinations
from infra.intake_queues import IntakeQueues
from infra.ledger import Ledger
from infra.monitoring.monitored_resources import MonitoredResources
from infra.monitoring.monitoring import Monitoring
from infra.packaging import Asset
from infra.settings.settings import Settings
from infra.watchdog import Watchdog
from infra.worker import Worker

# Emulators cannot tag a rule whose bus has slashes in its name, as those of partners have.
_UNTAGGED = {"host": ["AWS::Events::Rule"], "lambda": []}


class QueueEndsStack(Stack):
    """All of Queue Ends for one stage; it fits any account and region."""

    def __init__(self, scope: Construct, settings: Settings, asset: Asset) -> None:
        super().__init__(
            scope,
            settings.stack_name,
            description=f"Queue Ends, stage {settings.stage}: conversation ends in chosen queues",
        )
        for key, value in (("project", "queue-ends"), ("stage", settings.stage)):
            Tags.of(self).add(key, value, exclude_resource_types=_UNTAGGED[settings.packaging])
        code = lambda_.Code.from_asset(
            str(asset.folder), asset_hash=asset.hash, asset_hash_type=AssetHashType.CUSTOM
        )
        intake = IntakeQueues(self, "Intake", settings=settings)
        ledger = Ledger(self, "Ledger", settings=settings)
        destinations = Destinations(self, "Destinations", settings=settings)
        worker = Worker(
            self,
            "Worker",
            settings=settings,
            code=code,
            intake=intake,
            ledger=ledger,
            destinations=destinations,
        )
        source: SubscriptionSource | EventBridgeSource
        if settings.delivery == "subscription":
            source = SubscriptionSource(
                self, "Subscription", settings=settings, code=code, intake=intake
            )
            subscription_id = source.resource.get_att_string("SubscriptionId")
        else:
            source = EventBridgeSource(
                self, "EventSource", settings=settings, code=code, intake=intake
            )
            subscription_id = source.resource.get_att_string("IntegrationId")
        watchdog = None
        if settings.watchdog != "off":
            watchdog = Watchdog(self, "Watchdog", settings=settings, code=code, source=source)
        resources = MonitoredResources(intake, ledger, worker, source, watchdog)
        monitoring = Monitoring(self, "Monitoring", settings=settings, resources=resources)

        before = [ledger, destinations, worker, *([watchdog.function] if watchdog else [])]
        if isinstance(source, SubscriptionSource):
            # Last to come and first to go, but for the watchdog's schedule: nothing is sent before
            # all that takes it and all that sees what becomes of it are there, and no other
            # resource can fail while the subscription is being made.
            source.resource.node.add_dependency(intake, monitoring, *before)
        else:
            # As late as can be, for the same reasons: what comes after it is its bus, what is on
            # that, what watches that, and the policies that name that. The intake queue's is one
            # of these.
            source.resource.node.add_dependency(intake.dead_letter_queue, *before)
            monitoring.node.add_dependency(source.resource)

        CfnOutput(self, "QueueUrl", value=intake.queue.queue_url)
        CfnOutput(self, "QueueArn", value=intake.queue.queue_arn)
        CfnOutput(self, "DeadLetterQueueUrl", value=intake.dead_letter_queue.queue_url)
        CfnOutput(self, "LedgerTableName", value=ledger.table.table_name)
        if destinations.bus:
            CfnOutput(self, "EndsBusName", value=destinations.bus.event_bus_name)
        if destinations.archive:
            CfnOutput(self, "ArchiveBucketName", value=destinations.archive.bucket.bucket_name)
        CfnOutput(self, "WorkerFunctionName", value=worker.function.function_name)
        CfnOutput(self, "SubscriptionId", value=subscription_id)
        CfnOutput(self, "DashboardName", value=monitoring.dashboard.dashboard.dashboard_name)
        CfnOutput(self, "DashboardUrl", value=monitoring.dashboard.url)
        CfnOutput(self, "AlarmTopicArn", value=monitoring.alarms.topic.topic_arn)
