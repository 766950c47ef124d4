"""The dashboard's frame: its name, the order of its sections, and the alarms on top of them."""

from collections.abc import Iterator

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.monitoring import log_tables, sections
from infra.monitoring.alarm_definitions import alarm_specs
from infra.monitoring.alarms import Alarms
from infra.monitoring.monitored_resources import MonitoredResources
from infra.monitoring.widgets import Row, heading
from infra.settings.settings import Settings

_HEIGHT_OF_ALARMS = 5


class Dashboard(Construct):
    """The dashboard, named like the stack.

    Attributes
    ----------
    dashboard
        The CloudWatch dashboard.
    url
        Its URL in the AWS console of the partition `aws`; other partitions have other consoles.
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
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=settings.stack_name,
            # The longest range in which CloudWatch shows a point for each minute by default.
            default_interval=Duration.hours(3),
            widgets=list(_rows(settings, resources, alarms)),
        )
        region = Stack.of(self).region
        self.url = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#dashboards/dashboard/{settings.stack_name}"
        )


def _rows(settings: Settings, resources: MonitoredResources, alarms: Alarms) -> Iterator[Row]:
    """Yield the rows: the business first, then each part of the stack."""
    yield _alarm_states(settings, resources, alarms)
    yield heading("Ends")
    yield from sections.ends(settings)
    yield heading("Messages, from Genesys Cloud to the worker")
    yield from sections.messages(settings)
    yield from sections.queues(resources, alarms)
    yield heading("Worker")
    yield from sections.worker(settings, resources.worker, alarms)
    yield heading("Ledger and destinations")
    yield from sections.ledger_and_destinations(settings, resources.ledger)
    yield heading("Genesys Cloud")
    yield from sections.genesys(settings, resources, alarms)
    yield heading("Log")
    yield from log_tables.rows(resources)


def _alarm_states(settings: Settings, resources: MonitoredResources, alarms: Alarms) -> Row:
    every: list[cloudwatch.IAlarm] = [alarms.health, *alarms.alarms.values()]
    return [
        cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=every, width=15, height=_HEIGHT_OF_ALARMS
        ),
        cloudwatch.TextWidget(
            markdown=_runbook(settings, resources), width=9, height=_HEIGHT_OF_ALARMS
        ),
    ]


def _runbook(settings: Settings, resources: MonitoredResources) -> str:
    # Some alarms share a section.
    anchors = dict.fromkeys(["health", *(spec.anchor for spec in alarm_specs(settings, resources))])
    url = settings.runbook_url
    if "://" in url:
        where = f"The [runbook]({url}) says what to do about each alarm"
        links = [f"[{anchor}]({url}#{anchor})" for anchor in anchors]
    else:
        # A path means nothing to the console, which would take it for a page of its own.
        where = f"In the project, `{url}` says what to do about each alarm"
        links = [f"`{anchor}`" for anchor in anchors]
    return f"## Queue Ends, {settings.stage}\n\n{where}:\n\n{' · '.join(links)}"
