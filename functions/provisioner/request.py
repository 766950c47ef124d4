"""CloudFormation's request to a custom resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genesys.errors import UserFacingError
from resources.registry import parse_resource
from resources.resource import Resource

Kind = Literal["Create", "Update", "Delete"]


class RequestError(UserFacingError):
    """The request type is unknown, or an Update would move the resource to another org."""


@dataclass(frozen=True, slots=True)
class Request:
    """CloudFormation's request to create, update or delete a resource.

    Attributes
    ----------
    stack_id
        The id of the stack that the custom resource belongs to: an ARN.
    physical_id
        The id in an earlier response, or CloudFormation's own id if there was no response; empty
        on Create.
    resource
        The resource with the requested properties.
    old_properties
        On Update, the properties before the Update, not validated; None on Create and Delete.
    """

    kind: Kind
    stack_id: str
    physical_id: str
    resource: Resource
    old_properties: Mapping[str, Any] | None

    @property
    def resource_may_yet_appear(self) -> bool:
        """On Delete, whether an earlier Create may still be running and create the resource.

        Until the Create responds, the physical id is CloudFormation's, not the resource's own.
        """
        return self.physical_id != self.resource.physical_id

    @property
    def old_api_host(self) -> str:
        """On Update, the API host before the Update: the first part of the physical id."""
        return self.physical_id.partition("/")[0]

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> "Request":
        """Parse a request from a Lambda event.

        Raises
        ------
        RequestError, InvalidProperties
            The request type or resource type is unknown, or a property is missing or invalid.
        """
        kind = parse_kind(event)
        return cls(
            kind=kind,
            stack_id=str(event.get("StackId") or ""),
            physical_id=str(event.get("PhysicalResourceId") or ""),
            resource=parse_resource(parse_resource_type(event), parse_properties(event)),
            old_properties=parse_old_properties(event) if kind == "Update" else None,
        )


def parse_kind(event: Mapping[str, Any]) -> Kind:
    """Return a request's kind; raise `RequestError` if it is unknown."""
    kind = event.get("RequestType")
    if kind not in ("Create", "Update", "Delete"):
        raise RequestError(f"RequestType {kind!r} is not Create, Update or Delete.")
    return kind  # type: ignore[no-any-return]


def parse_resource_type(event: Mapping[str, Any]) -> str:
    """Return the request's custom resource type, which may be unknown."""
    return str(event.get("ResourceType"))


def parse_properties(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the requested properties, not validated; raise `RequestError` for no object."""
    return _parse_object(event, "ResourceProperties")


def parse_old_properties(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an Update's properties before it, in the same way as `parse_properties`."""
    return _parse_object(event, "OldResourceProperties")


def _parse_object(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = event.get(key) or {}
    if not isinstance(value, dict):
        raise RequestError(f"{key} is not an object.")
    return value
