"""The stack, which connects the constructs."""

from aws_cdk import AssetHashType, CfnOutput, Stack, Tags
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .delivery.backfill import backfill_requirements
from .delivery.sources import make_source
from .destinations.destinations import Destinations
from .intake_queues import IntakeQueues
from .ledger import Ledger
from .monitoring.monitored_resources import MonitoredResources
from .monitoring.monitoring import Monitoring
from .packaging import Asset
from .settings.settings import Settings
from .watchdog import Watchdog
from .worker import Worker


class QueueEndsStack(Stack):
    """All AWS resources of one stage; the template can be deployed to any account and region."""

    def __init__(self, scope: Construct, settings: Settings, asset: Asset) -> None:
        tags = {"project": "queue-ends", "stage": settings.stage}
        super().__init__(
            scope,
            settings.stack_name,
            description=f"Queue Ends, stage {settings.stage}: conversation ends in chosen queues",
            tags=tags,
        )
        # The argument `tags` above tags only the stack itself. This loop tags the resources.
        for key, value in tags.items():
            Tags.of(self).add(key, value)
        code = lambda_.Code.from_asset(
            str(asset.folder), asset_hash=asset.hash, asset_hash_type=AssetHashType.CUSTOM
        )
        intake = IntakeQueues(self, "Intake", settings=settings)
        ledger = Ledger(self, "Ledger", settings=settings)
        destinations = Destinations(self, "Destinations", settings=settings)
        source = make_source(self, settings=settings, code=code, intake=intake)
        worker = Worker(
            self,
            "Worker",
            settings=settings,
            code=code,
            intake=intake,
            queue_names=source.queue_names.names,
            requirements=[
                source.worker_requirements,
                ledger.worker_requirements,
                *destinations.worker_requirements,
            ],
        )
        watchdog = None
        if settings.watchdog != "off":
            watchdog = Watchdog(
                self,
                "Watchdog",
                settings=settings,
                code=code,
                source=source,
                queues=[intake.queue, intake.dead_letter_queue, *source.own_queues],
                requirements=[
                    ledger.watchdog_requirements,
                    backfill_requirements(settings, source.backfill_rule, ledger, intake),
                    source.watchdog_requirements,
                ],
            )
        monitored_resources = MonitoredResources(
            intake, ledger, worker, source.monitored_source, watchdog
        )
        monitoring = Monitoring(
            self, "Monitoring", settings=settings, resources=monitored_resources
        )
        # The watchdog's schedule waits for the source, so only its function is a prerequisite.
        watchdog_functions = [watchdog.function] if watchdog else []
        source.order_deployment([ledger, destinations, worker, *watchdog_functions], monitoring)

        CfnOutput(self, "QueueUrl", value=intake.queue.queue_url)
        CfnOutput(self, "QueueArn", value=intake.queue.queue_arn)
        CfnOutput(self, "DeadLetterQueueUrl", value=intake.dead_letter_queue.queue_url)
        CfnOutput(self, "LedgerTableName", value=ledger.table.table_name)
        if destinations.bus:
            CfnOutput(self, "EndsBusName", value=destinations.bus.event_bus_name)
        if destinations.archive:
            CfnOutput(self, "ArchiveBucketName", value=destinations.archive.bucket.bucket_name)
        CfnOutput(self, "WorkerFunctionName", value=worker.function.function_name)
        CfnOutput(self, "SubscriptionId", value=source.resource_id)  # or the integration's id
        CfnOutput(self, "QueueNames", value=source.queue_names.summary)
        CfnOutput(self, "DashboardName", value=monitoring.dashboard.name)
        CfnOutput(self, "DashboardUrl", value=monitoring.dashboard.url)
        CfnOutput(self, "AlarmTopicArn", value=monitoring.alarms.sns_topic.topic_arn)
