"""A stack's monitoring: its alarms and its dashboard."""

from constructs import Construct

from ..settings.settings import Settings
from .alarms import Alarms
from .dashboard import Dashboard
from .monitored_resources import MonitoredResources


class Monitoring(Construct):
    """The alarms, and the dashboard that shows them in its top row.

    Attributes
    ----------
    alarms
        The alarms, and the SNS topic that they notify.
    dashboard
        The dashboard.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        resources: MonitoredResources,
    ) -> None:
        super().__init__(scope, construct_id)
        self.alarms = Alarms(self, "Alarms", settings=settings, resources=resources)
        self.dashboard = Dashboard(
            self, "Dashboard", settings=settings, resources=resources, alarms=self.alarms
        )
