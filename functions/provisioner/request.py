"""A request of CloudFormation's to a custom resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genesys.errors import Explained
from resources.registry import parse
from resources.resource import Resource

Kind = Literal["Create", "Update", "Delete"]


class RequestError(Explained):
    """A request that cannot be carried out as it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of CloudFormation's.

    Attributes
    ----------
    physical_id
        The id that an earlier answer gave, or that CloudFormation invented if there was none;
        empty on Create.
    resource
        The resource as it is asked for.
    former
        On Update, the properties before, unchecked; None on Create and Delete.
    """

    kind: Kind
    physical_id: str
    resource: Resource
    former: Mapping[str, Any] | None

    @property
    def creation_may_be_under_way(self) -> bool:
        """Whether a Create that CloudFormation gave up may yet make the thing to be deleted."""
        return self.physical_id != self.resource.physical_id

    @property
    def former_api_host(self) -> str:
        """The API host that an Update's resource was made at, whatever became of it since."""
        return self.physical_id.partition("/")[0]

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> "Request":
        """Return the request in a Lambda event.

        Raises
        ------
        RequestError, InvalidProperties
            The text says what is wrong with the event.
        """
        kind = kind_of(event)
        return cls(
            kind=kind,
            physical_id=str(event.get("PhysicalResourceId") or ""),
            resource=parse(resource_type_of(event), properties_of(event)),
            former=event.get("OldResourceProperties") or {} if kind == "Update" else None,
        )


def kind_of(event: Mapping[str, Any]) -> Kind:
    """Return what CloudFormation asks for; raise `RequestError` if it is unknown."""
    kind = event.get("RequestType")
    if kind not in ("Create", "Update", "Delete"):
        raise RequestError(f"RequestType {kind!r} is not Create, Update or Delete.")
    return kind  # type: ignore[no-any-return]


def resource_type_of(event: Mapping[str, Any]) -> str:
    """Return the resource's type as the template names it."""
    return str(event.get("ResourceType"))


def properties_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties that the resource should have, unchecked."""
    return event.get("ResourceProperties") or {}
