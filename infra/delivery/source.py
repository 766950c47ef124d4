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
    """The source of a stack's events; each delivery is a subclass.

    To add a delivery, write a subclass in a file beside this one and list it in `sources.py`. Its
    `__init__` makes the delivery's parts in AWS, and the custom resource for its part in Genesys
    Cloud. It lets the sender of the events, and nobody else, send to the intake queue, and sets
    the attributes below. Nothing outside of this folder asks which delivery it is.

    Attributes
    ----------
    resource
        The custom resource, which stands for the subscription or integration in Genesys Cloud.
    subscription_id
        Genesys Cloud's id of that, for the output `SubscriptionId`.
    worker_needs
        The worker's needs to read this delivery's messages.
    watchdog_needs
        The watchdog's needs to compare Genesys Cloud with the stack: `deployed`, and permissions.
    monitored
        The alarms and graphs that only this delivery has.
    """

    resource: CustomResource
    subscription_id: str
    worker_needs: Needs
    watchdog_needs: Needs
    monitored: MonitoredSource

    @abstractmethod
    def deploy_late(self, receivers: Sequence[IDependable], monitoring: Construct) -> None:
        """Create the custom resource as late in a deploy as can be, and so delete it early.

        No event may arrive before the parts that take it and show its fate. And where few
        resources follow, few can fail after something was made in Genesys Cloud.

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
