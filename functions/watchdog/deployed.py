"""The deployed resource, as the watchdog's environment describes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from resources.registry import parse
from resources.resource import Resource


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stage and the resource that was deployed for it."""

    stage: str
    resource: Resource

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Deployed":
        """Return what environment variables describe.

        `STAGE` is the stage's name; `DEPLOYED` is JSON with the `ResourceType` and the
        `ResourceProperties` of the stack's custom resource.

        Raises
        ------
        WrongProperties
            Some properties are missing or wrong.
        """
        deployed = json.loads(environment["DEPLOYED"])
        resource = parse(deployed["ResourceType"], deployed["ResourceProperties"])
        return cls(environment["STAGE"], resource)
