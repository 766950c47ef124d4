"""The names and ARNs that the resources of a template will have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .resource_types import RESOURCE_TYPES

# Each service has a name of its own for the property with its key.
_KEY_PROPERTY = re.compile(r"kms(master)?key(id|arn|identifier)|keyarn", re.IGNORECASE)

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A template, and the account and region that it will be deployed to."""

    template: Mapping[str, Any]
    stack_name: str
    account: str
    region: str

    @property
    def partition(self) -> str:
        prefixes = {"cn-": "aws-cn", "eusc-": "aws-eusc", "us-gov-": "aws-us-gov"}
        return next((p for start, p in prefixes.items() if self.region.startswith(start)), "aws")

    @property
    def resources(self) -> Mapping[str, Resource]:
        found: Mapping[str, Resource] = self.template["Resources"]
        return found

    @property
    def qualifier(self) -> str:
        """The qualifier of the CDK's bootstrap, which the template's only parameter names."""
        parameter = self.template["Parameters"]["BootstrapVersion"]["Default"]
        return str(parameter).split("/")[2]

    def of_type(self, resource_type: str) -> list[Resource]:
        return [r for r in self.resources.values() if r["Type"] == resource_type]

    def arns(self, resource_type: str) -> list[str]:
        """Return patterns for the ARNs of all resources of a type, sorted."""
        known = RESOURCE_TYPES[resource_type]
        return sorted(
            {
                self._format(arn, name=self._name(resource), bus=self._archived_bus(resource))
                for resource in self.of_type(resource_type)
                for arn in known.arns
            }
        )

    def text(self, value: Any) -> str:
        """Return a value of the template as a text, with `*` for what only the deploy knows."""
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::StackName": self.stack_name,
        }
        match value:
            case str():
                return value
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), "Arn"]} if self._is_known(name):
                return self._name(self.resources[name])
            case {"Ref": str(name)}:
                return pseudo.get(name, "*")
            case {"Fn::Join": [str(separator), [*parts]]}:
                return separator.join(map(self.text, parts))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda m: pseudo.get(m[1], "*"), text)
            case {"Fn::GetAtt": [str(integration), "EventSourceName"]}:
                # Only Genesys Cloud knows the id of the org, which comes before the suffix.
                suffix = self.text(self.resources[integration]["Properties"]["Suffix"])
                return f"aws.partner/genesys.com/cloud/*/{suffix}"
        return "*"

    def _is_known(self, logical_id: str) -> bool:
        return self.resources.get(logical_id, {}).get("Type") in RESOURCE_TYPES

    def _name(self, resource: Resource) -> str:
        """Return a pattern for a resource's name, with all before the name that its ARN has."""
        known, properties = RESOURCE_TYPES[resource["Type"]], resource.get("Properties", {})
        given = properties.get(known.name_property)
        name = self._shortened(self.text(given)) if given else self._generated(resource["Type"])
        if resource["Type"] == "AWS::IAM::Role":
            return self.text(properties.get("Path", "/")) + name
        if bus := properties.get("EventBusName"):
            return f"{self.text(bus)}/{name}"
        return name

    def _generated(self, resource_type: str) -> str:
        kept = self.stack_name[: RESOURCE_TYPES[resource_type].kept_characters]
        name = f"{kept}-*" if kept == self.stack_name else f"{kept}*"
        return name.lower() if resource_type == "AWS::S3::Bucket" else name

    def _shortened(self, name: str) -> str:
        """Return one pattern for all names that begin as all names of the stack do."""
        beginning = f"{self.stack_name}-"
        return f"{beginning}*" if name.startswith(beginning) else name

    def _archived_bus(self, resource: Resource) -> str:
        return self.text(resource.get("Properties", {}).get("SourceArn", ""))

    def _format(self, arn: str, **names: str) -> str:
        place = {"region": self.region, "account": self.account}
        return f"arn:{self.partition}:{arn.format(**place, **names)}"


def kms_keys(node: Any) -> set[str]:
    """Return the ARNs of the KMS keys that a template's resources are encrypted with."""
    match node:
        case Mapping():
            own = {
                value
                for key, value in node.items()
                if _KEY_PROPERTY.fullmatch(key) and isinstance(value, str) and ":kms:" in value
            }
            return own.union(*map(kms_keys, node.values()))
        case Sequence() if not isinstance(node, str):
            return set().union(*map(kms_keys, node))
    return set()
