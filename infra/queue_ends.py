"""The construct that has all AWS resources of one stage, for a stack of any CDK app."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aws_cdk import Annotations, AssetHashType, CfnOutput, Stack, Tags, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from . import FUNCTIONS_FOLDER
from .delivery.backfill import backfill_requirements
from .delivery.sources import make_source
from .destinations.destinations import Destinations
from .emulator import fit_to_emulator
from .intake_queues import IntakeQueues
from .ledger import Ledger
from .monitoring.alarms import Alarms
from .monitoring.monitored_resources import MonitoredResources
from .monitoring.monitoring import Monitoring
from .packaging import Asset, Target, build_asset
from .settings.combinations import find_conflicts, find_warnings
from .settings.reading import SettingsError
from .settings.retries import duration_in_words
from .settings.settings import KEYS, Settings
from .watchdog import Watchdog
from .worker import Worker

# The CDK leaves this id out of logical ids, so that the stack's resources keep theirs.
WRAPPED_CONSTRUCT_ID = "Default"
BUILD_FOLDER = Path("build")


class StageTaken(ValueError):
    """Two constructs in one app would use the same names."""


class QueueEnds(Construct):
    """All AWS resources of one stage.

    Names in AWS and in Genesys Cloud contain the stage. So a stage can be used once in an account
    and region, and once in a Genesys Cloud org.

    Parameters
    ----------
    settings
        The stage's settings: `make_settings` and `load` make and check them.
    asset
        The functions' asset. By default, it is built in the folder `build` of the app's working
        folder.
    warnings
        Warnings about the settings, for the person who synthesises the app. By default, those of
        `find_warnings`.

    Attributes
    ----------
    intake
        The intake queue (`intake.queue`) and its dead-letter queue (`intake.dead_letter_queue`).
    ledger
        The ledger, with its DynamoDB table (`ledger.table`).
    worker
        The worker, with its Lambda function (`worker.function`). Your action runs in it: grant the
        function's role (`worker.role`) what the action needs.
    bus
        The EventBridge bus for ends. None if `bus` is not among the settings' destinations.
    alarms
        The alarms by id (`alarms.by_id`), and the SNS topic that they notify (`alarms.sns_topic`).
    monitoring
        The alarms and the dashboard (`monitoring.dashboard`).

    Raises
    ------
    SettingsError
        The settings do not fit the stack's region.
    StageTaken
        The app has another `QueueEnds` that would use the same names.
    PackagingError
        The functions' asset could not be built.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        asset: Asset | None = None,
        warnings: Sequence[str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.settings = settings
        self._check_region()
        self._check_stage()
        asset = asset or build_functions(settings, FUNCTIONS_FOLDER, BUILD_FOLDER)
        code = lambda_.Code.from_asset(
            str(asset.folder), asset_hash=asset.hash, asset_hash_type=AssetHashType.CUSTOM
        )
        self.intake = IntakeQueues(self, "Intake", settings=settings)
        self.ledger = Ledger(self, "Ledger", settings=settings)
        self._destinations = Destinations(self, "Destinations", settings=settings)
        self._source = make_source(self, settings=settings, code=code, intake=self.intake)
        self.worker = Worker(
            self,
            "Worker",
            settings=settings,
            code=code,
            intake=self.intake,
            queue_names=self._source.queue_names.names,
            requirements=[
                self._source.worker_requirements,
                self.ledger.worker_requirements,
                *self._destinations.worker_requirements,
            ],
        )
        watchdog = self._make_watchdog(code) if settings.watchdog != "off" else None
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            settings=settings,
            resources=MonitoredResources(
                self.intake, self.ledger, self.worker, self._source.monitored_source, watchdog
            ),
        )
        # The watchdog's schedule waits for the source, so only its function is a prerequisite.
        watchdog_functions = [watchdog.function] if watchdog else []
        self._source.order_deployment(
            [self.ledger, self._destinations, self.worker, *watchdog_functions], self.monitoring
        )
        for key, value in all_tags(settings).items():
            Tags.of(self).add(key, value)
        if settings.packaging == "host":
            fit_to_emulator(self)
        self._annotate(warnings, asset.notices)

    @property
    def bus(self) -> events.EventBus | None:
        return self._destinations.bus

    @property
    def alarms(self) -> Alarms:
        return self.monitoring.alarms

    def add_outputs(self, stack: Stack) -> None:
        """Add the outputs by which the command line `queue-ends` finds the parts.

        The command line looks for a stack with the name `QueueEnds-<stage>`.
        """
        CfnOutput(stack, "QueueUrl", value=self.intake.queue.queue_url)
        CfnOutput(stack, "QueueArn", value=self.intake.queue.queue_arn)
        CfnOutput(stack, "DeadLetterQueueUrl", value=self.intake.dead_letter_queue.queue_url)
        CfnOutput(stack, "LedgerTableName", value=self.ledger.table.table_name)
        if self.bus:
            CfnOutput(stack, "EndsBusName", value=self.bus.event_bus_name)
        if archive := self._destinations.archive:
            CfnOutput(stack, "ArchiveBucketName", value=archive.bucket.bucket_name)
        CfnOutput(stack, "WorkerFunctionName", value=self.worker.function.function_name)
        # With the delivery `eventbridge`, it is the integration's id.
        CfnOutput(stack, "SubscriptionId", value=self._source.resource_id)
        CfnOutput(stack, "QueueNames", value=self._source.queue_names.summary)
        CfnOutput(stack, "DashboardName", value=self.monitoring.dashboard.name)
        CfnOutput(stack, "DashboardUrl", value=self.monitoring.dashboard.url)
        CfnOutput(stack, "AlarmTopicArn", value=self.alarms.sns_topic.topic_arn)

    def _check_region(self) -> None:
        """Check the settings for the stack's region, which they may not know."""
        region = Stack.of(self).region
        if Token.is_unresolved(region):
            return
        if conflicts := find_conflicts(asdict(self.settings) | {"region": region}):
            raise SettingsError(conflicts)

    def _check_stage(self) -> None:
        for other in self.node.root.node.find_all():
            if not isinstance(other, QueueEnds) or other is self:
                continue
            if other.settings.stage != self.settings.stage:
                continue
            stack, other_stack = Stack.of(self), Stack.of(other)
            same_org = other.settings.api_url == self.settings.api_url
            if same_org or stack.environment == other_stack.environment:
                where = "in one Genesys Cloud org" if same_org else "in one account and region"
                raise StageTaken(
                    f"{other.node.path} and {self.node.path} both have the stage "
                    f'"{self.settings.stage}" {where}, where their names would collide: give each '
                    "a stage of its own."
                )

    def _make_watchdog(self, code: lambda_.Code) -> Watchdog:
        return Watchdog(
            self,
            "Watchdog",
            settings=self.settings,
            code=code,
            source=self._source,
            queues=[
                self.intake.queue,
                self.intake.dead_letter_queue,
                *self._source.own_queues,
            ],
            requirements=[
                self.ledger.watchdog_requirements,
                backfill_requirements(
                    self.settings, self._source.backfill_rule, self.ledger, self.intake
                ),
                self._source.watchdog_requirements,
            ],
        )

    def _annotate(self, warnings: Sequence[str] | None, notices: Sequence[str]) -> None:
        """Print warnings and notices with the synth, for the stack if it merely wraps this."""
        if warnings is None:
            changed = [
                name for name, key in KEYS.items() if getattr(self.settings, name) != key.default
            ]
            warnings = find_warnings(self.settings, changed)
        annotations = Annotations.of(
            Stack.of(self) if self.node.id == WRAPPED_CONSTRUCT_ID else self
        )
        for number, warning in enumerate(warnings, start=1):
            annotations.add_warning_v2(f"queue-ends:settings-{number}", warning)
        for number, notice in enumerate(notices, start=1):
            annotations.add_info_v2(f"queue-ends:asset-{number}", notice)
        annotations.add_info_v2("queue-ends:outage", _outage_notice(self.settings))


def build_functions(settings: Settings, source_folder: Path, build_folder: Path) -> Asset:
    """Return the functions' asset for a stage; the parameters and errors are `build_asset`'s."""
    has_own_actions = settings.actions_path != KEYS["actions_path"].default
    return build_asset(
        source_folder,
        Target(settings.packaging, settings.architecture, settings.python_version),
        build_folder,
        actions_folder=Path(settings.actions_path) if has_own_actions else None,
    )


def all_tags(settings: Settings) -> dict[str, str]:
    """Return the tags of all resources: Queue Ends' own ones and the setting `tags`."""
    return {"project": "queue-ends", "stage": settings.stage, **dict(settings.tags)}


def _outage_notice(settings: Settings) -> str:
    return (
        f"If a destination is down for up to {duration_in_words(settings.outage_seconds)}, retries "
        f"deliver every end afterwards ({settings.max_receive_count} receives, first delay "
        f"{settings.retry_delay_seconds} s). docs/once.md explains this."
    )
