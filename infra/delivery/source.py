"""The interface between a delivery and the rest of the stack."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CustomResource, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable
from jsii import JSIIAbstractClass

from ..function.requirements import Requirements
from ..monitoring.monitored_resources import MonitoredSource
from .queue_names import QueueNames


class Source(Construct, metaclass=JSIIAbstractClass):
    """The source of a stack's events; each delivery has its own subclass.

    To add a delivery, write a subclass in a file of this folder and list it in `sources.py`. The
    subclass's `__init__` makes the delivery's AWS resources and the custom resource for Genesys
    Cloud, allows only the events' sender to send to the intake queue, and sets the attributes
    below. No construct outside this folder reads the setting `delivery`.

    Attributes
    ----------
    custom_resource
        The custom resource for the subscription or integration in Genesys Cloud.
    resource_id
        The subscription's or integration's id in Genesys Cloud. With both deliveries, it is the
        stack's output `SubscriptionId`.
    own_queues
        The delivery's own SQS queues, besides the intake queue and its dead-letter queue.
    queue_names
        The names of the routing queues.
    backfill_rule
        The rule by which the backfill finds ends (see `backfill.expected_ends`).
    worker_requirements
        The environment variables and permissions that the worker needs for this delivery.
    watchdog_requirements
        The environment variables and permissions that the watchdog needs for this delivery. They
        include the environment variable that `expected_resource_environment` returns.
    monitored_source
        What the monitoring needs to know of this delivery: its provisioner, alarms and graphs.
    """

    custom_resource: CustomResource
    resource_id: str
    own_queues: Sequence[sqs.IQueue] = ()
    queue_names: QueueNames
    backfill_rule: str
    worker_requirements: Requirements
    watchdog_requirements: Requirements
    monitored_source: MonitoredSource

    @abstractmethod
    def order_deployment(self, prerequisites: Sequence[IDependable], monitoring: Construct) -> None:
        """Make CloudFormation create the custom resource as late as possible, and delete it early.

        The parts of the stack that process events must exist before the first event arrives. If
        their creation fails, Genesys Cloud remains unchanged.

        Parameters
        ----------
        prerequisites
            The constructs to create before the custom resource. `IntakeQueues` must be created
            before it too, but is not among them: the subclass's `__init__` gets it.
        monitoring
            The construct with the alarms and the dashboard. `subscription` creates it before the
            custom resource. `eventbridge` creates it afterwards, because alarms and dashboard
            refer to the partner event bus by name.
        """

    def expected_resource_environment(
        self, resource_type: str, properties: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return the watchdog's environment variable `DEPLOYED`.

        The variable describes the resource that the watchdog expects in Genesys Cloud.
        """
        expected_resource = {"ResourceType": resource_type, "ResourceProperties": properties}
        return {"DEPLOYED": Stack.of(self).to_json_string(expected_resource)}
