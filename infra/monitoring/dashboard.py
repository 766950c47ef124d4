"""The dashboard: its name, its top row with the alarms, and the order of its sections."""

from collections.abc import Iterator

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ..settings.settings import Settings
from . import genesys_section, log_tables, sections
from .alarm_definitions import alarm_specs
from .alarms import Alarms
from .backfill import rows_about_backfill
from .details import rows_about_details
from .monitored_resources import MonitoredResources
from .widgets import Row, heading

_ALARM_ROW_HEIGHT = 5


class Dashboard(Construct):
    """The CloudWatch dashboard.

    Its name contains the region, because an account's dashboards are the same in all regions (see
    "Creating a CloudWatch dashboard" in the CloudWatch User Guide). Otherwise, a stage in two
    regions would have one dashboard, which the last deploy overwrites.

    Attributes
    ----------
    name
        The dashboard's name.
    url
        The dashboard's URL in the AWS console. It is valid only in the partition `aws`, because
        other partitions have other consoles.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        resources: MonitoredResources,
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, construct_id)
        region = Stack.of(self).region
        name = f"{settings.stack_name}-{region}"
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=name,
            # For a longer time range, CloudWatch would not show a data point for each minute.
            default_interval=Duration.hours(3),
            widgets=list(_rows(settings, resources, alarms)),
        )
        self.name = dashboard.dashboard_name
        self.url = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#dashboards/dashboard/{name}"
        )


def _rows(settings: Settings, resources: MonitoredResources, alarms: Alarms) -> Iterator[Row]:
    """Yield the rows: first the alarms, then the ends, then each part of the stack."""
    yield _top_row(settings, resources, alarms)
    yield heading("Ends")
    yield from sections.rows_about_ends(settings, resources.source.queue_labels)
    yield from rows_about_details(settings)
    yield from rows_about_backfill(settings)
    yield heading("Messages, from Genesys Cloud to the worker")
    yield from sections.rows_about_messages(settings)
    yield from sections.rows_about_sqs_queues(resources, alarms)
    yield heading("Worker")
    yield from sections.rows_about_worker(settings, resources.worker, alarms)
    yield heading("Ledger and destinations")
    yield from sections.rows_about_ledger_and_destinations(settings, resources.ledger)
    yield heading("Genesys Cloud")
    yield from genesys_section.rows_about_genesys(settings, resources, alarms)
    yield heading("Logs")
    yield from log_tables.rows_about_logs(resources)


def _top_row(settings: Settings, resources: MonitoredResources, alarms: Alarms) -> Row:
    shown_alarms: list[cloudwatch.IAlarm] = [alarms.composite_alarm, *alarms.by_id.values()]
    return [
        cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=shown_alarms, width=15, height=_ALARM_ROW_HEIGHT
        ),
        cloudwatch.TextWidget(
            markdown=_runbook_markdown(settings, resources), width=9, height=_ALARM_ROW_HEIGHT
        ),
    ]


def _runbook_markdown(settings: Settings, resources: MonitoredResources) -> str:
    # `health` is the runbook section of the composite alarm. Some of the other alarms share a
    # section: dict.fromkeys removes the duplicates and keeps the order.
    anchors = dict.fromkeys(["health", *(spec.anchor for spec in alarm_specs(settings, resources))])
    url = settings.runbook_url
    if "://" in url:
        introduction = f"The [runbook]({url}) says what to do about each alarm"
        links = [f"[{anchor}]({url}#{anchor})" for anchor in anchors]
    else:
        # A path cannot be a link, because the AWS console would resolve it against its own URL.
        introduction = f"In the project, `{url}` says what to do about each alarm"
        links = [f"`{anchor}`" for anchor in anchors]
    return f"## Queue Ends, {settings.stage}\n\n{introduction}:\n\n{' · '.join(links)}"
