"""What CloudFormation asks of the custom resources that live in Genesys Cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genesys.integration_spec import AwsTarget
from genesys.properties import Properties, feed_in


class RequestError(Exception):
    """A request that cannot be carried out as it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of CloudFormation's.

    Attributes
    ----------
    kind
        What to do.
    physical_id
        The id that an earlier answer gave, or that CloudFormation invented when it had none;
        empty on Create.
    properties
        What should be.
    former
        On Update, the properties before, unchecked.
    """

    kind: Literal["Create", "Update", "Delete"]
    physical_id: str
    properties: Properties
    former: Mapping[str, Any]

    @property
    def may_come_late(self) -> bool:
        """Whether a Create that CloudFormation gave up may yet make what is to be deleted."""
        return self.physical_id != self.properties.physical_id

    @property
    def former_api_host(self) -> str:
        """The API host that an Update's resource was made at, whatever became of it since."""
        return self.physical_id.partition("/")[0]

    @property
    def former_queue_arn(self) -> str | None:
        """The SQS queue that our subscription may still send to."""
        queue_arn = self.former.get("QueueArn")
        return queue_arn if isinstance(queue_arn, str) else None

    @property
    def former_feed(self) -> AwsTarget | None:
        """Whom our integration from before feeds."""
        return feed_in(self.former) if self.former.get("AccountId") else None

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> "Request":
        """Return the request in a Lambda event; raise saying what is wrong with it."""
        kind = event.get("RequestType")
        if kind not in ("Create", "Update", "Delete"):
            raise RequestError(f"RequestType {kind!r} is not Create, Update or Delete.")
        return cls(
            kind=kind,
            physical_id=str(event.get("PhysicalResourceId") or ""),
            properties=Properties.parse(
                str(event.get("ResourceType")), event.get("ResourceProperties") or {}
            ),
            former=event.get("OldResourceProperties") or {},
        )
