"""The source of a stack's events: the seam between a delivery and the rest of the stack."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CustomResource, Stack
from constructs import Construct, IDependable
from jsii import JSIIAbstractClass

from infra.function import Needs
from infra.monitoring.monitored_resources import MonitoredSource


class Source(Construct, metaclass=JSIIAbstractClass):
    """The source of a stack's events; each delivery is a subclass, listed in `sources.py`.

    To write another one, make in `__init__` all that the delivery has in AWS, the custom resource
    that stands for its part in Genesys Cloud included, and allow its sender, nobody else, to send
    to the intake queue. Then set the attributes below; nothing else asks which delivery it is.

    Attributes
    ----------
    resource
        The custom resource.
    subscription_id
        Genesys Cloud's id of what the custom resource stands for, an attribute of it.
    worker_needs
        What the worker needs to read this delivery's messages.
    watchdog_needs
        What the watchdog needs to look at what the custom resource stands for: `deployed`, and
        permissions.
    monitored
        Its part of the alarms and of the dashboard.
    """

    resource: CustomResource
    subscription_id: str
    worker_needs: Needs
    watchdog_needs: Needs
    monitored: MonitoredSource

    @abstractmethod
    def come_late(self, receivers: Sequence[IDependable], monitoring: Construct) -> None:
        """Make Genesys Cloud send as late in a deploy, and stop as early in its removal, as can be.

        No event may arrive before all that takes it and all that shows its fate are there, and no
        other resource should fail after the counterpart in Genesys Cloud was made.

        Parameters
        ----------
        receivers
            The parts that take events, beside the intake queues.
        monitoring
            The alarms and the dashboard.
        """

    def deployed(self, resource_type: str, properties: Mapping[str, Any]) -> dict[str, str]:
        """Return the variable that tells the watchdog what should be in Genesys Cloud."""
        resource = {"ResourceType": resource_type, "ResourceProperties": properties}
        return {"DEPLOYED": Stack.of(self).to_json_string(resource)}
