"""A deployed stack's template: the properties of its custom resources, and its alarms' names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.deployed import Deployed
from ops.errors import OpsError
from resources.registry import LOOKUPS, RESOURCES, parse_resource
from resources.resource import Resource


@dataclass(frozen=True, slots=True)
class Template:
    """A deployed stack's template.

    Attributes
    ----------
    resources
        The template's resources, keyed by logical id.
    values
        The values of the intrinsic functions that the custom resources' properties use.
    """

    resources: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, str]

    def event_source(self) -> Resource:
        """Return the subscription or integration as it was deployed."""
        return parse_resource(*self._find(RESOURCES))

    def attribute_filter(self) -> str | None:
        """Return the subscription's filter as it was deployed; None if there is no filter."""
        _, properties = self._find(RESOURCES)
        return properties.get("AttributeFilter")

    def queue_ids(self) -> list[str]:
        """Return the ids of the routing queues as they were deployed."""
        _, properties = self._find(LOOKUPS)
        return [str(each) for each in properties["QueueIds"]]

    def queue_names(self) -> list[str]:
        """Return the names of the stack's SQS queues."""
        return [
            str(resource["Properties"]["QueueName"])
            for resource in self.resources.values()
            if resource["Type"] == "AWS::SQS::Queue"
        ]

    def alarm_names(self) -> list[str]:
        """Return the names of the stack's alarms."""
        return [
            str(resource["Properties"]["AlarmName"])
            for resource in self.resources.values()
            if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        ]

    def _find(self, types: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
        """Return the custom resource of one of these types: its type and its properties."""
        for resource in self.resources.values():
            if resource["Type"] in types:
                properties = resource["Properties"]
                resolved = {key: self._resolve(properties[key]) for key in properties}
                return resource["Type"], resolved
        raise OpsError("The deployed template is of another version of Queue Ends.")

    def _resolve(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return self.values.get(name, "")
            case {"Fn::GetAtt": [str(logical_id), "Arn"]} if self._is_intake(logical_id):
                return self.values["QueueArn"]
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(str(self._resolve(part)) for part in parts)
        return value

    def _is_intake(self, logical_id: str) -> bool:
        return str(self.resources[logical_id]["Type"]) == "AWS::SQS::Queue"


def read_template(deployed: Deployed) -> Template:
    """Return the template of a deployed stack.

    Raises
    ------
    OpsError
        The template is not one of Queue Ends.
    """
    body = deployed.aws.client("cloudformation").get_template(
        StackName=deployed.name, TemplateStage="Original"
    )["TemplateBody"]
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise OpsError(f"The template of the stack {deployed.name} is not one of Queue Ends.")
    values = {
        "AWS::Region": deployed.aws.region,
        "AWS::AccountId": deployed.aws.account,
        "QueueArn": deployed.output("QueueArn"),
    }
    return Template(body["Resources"], values)
