"""The resources of a deployed stack."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.deployed import Deployed


@dataclass(frozen=True, slots=True)
class StackResources:
    """The resources of a stack.

    Attributes
    ----------
    resources
        For each resource, its type, its logical id and its physical id.
    """

    resources: Sequence[tuple[str, str, str]]

    def ids(self, resource_type: str, logical_id_prefix: str = "") -> list[str]:
        """Return the physical ids of the resources with this type and prefix."""
        return [
            physical_id
            for type_, logical_id, physical_id in self.resources
            if type_ == resource_type and logical_id.startswith(logical_id_prefix)
        ]

    def find(self, resource_type: str, logical_id_prefix: str = "") -> str | None:
        """Return the physical id of the first such resource; None if there is none."""
        return next(iter(self.ids(resource_type, logical_id_prefix)), None)

    @property
    def watchdog_name(self) -> str | None:
        """The name of the watchdog's function; None if the stack has no watchdog."""
        return self.find("AWS::Lambda::Function", "Watchdog")

    @property
    def undelivered_queue_url(self) -> str | None:
        """The URL of the undelivered queue, which only the delivery `eventbridge` has."""
        return self.find("AWS::SQS::Queue", "EventSource")

    @property
    def mapping_id(self) -> str | None:
        """The id of the event source mapping from the intake queue to the worker."""
        return self.find("AWS::Lambda::EventSourceMapping")

    @property
    def alarm_names(self) -> list[str]:
        return self.ids("AWS::CloudWatch::Alarm") + self.ids("AWS::CloudWatch::CompositeAlarm")


def list_resources(deployed: Deployed) -> StackResources:
    """Return the resources of a deployed stack."""
    paginator = deployed.aws.client("cloudformation").get_paginator("list_stack_resources")
    return StackResources(
        [
            (each["ResourceType"], each["LogicalResourceId"], each.get("PhysicalResourceId", ""))
            for page in paginator.paginate(StackName=deployed.name)
            for each in page["StackResourceSummaries"]
            if not each["ResourceStatus"].startswith("DELETE_COMPLETE")
        ]
    )
