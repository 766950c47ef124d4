"""What was deployed, as the watchdog's environment says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from genesys.properties import Properties


@dataclass(frozen=True, slots=True)
class Deployed:
    """What should be in Genesys Cloud, where to log in, and the stage that it is for."""

    stage: str
    properties: Properties

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Deployed":
        """Return what is in environment variables.

        `STAGE` is the stage's name; `DEPLOYED` is JSON with the `ResourceType` and the
        `ResourceProperties` of the custom resource that the stack has.

        Raises
        ------
        WrongProperties
            Some of these are missing or wrong.
        """
        resource = json.loads(environment["DEPLOYED"])
        properties = Properties.parse(resource["ResourceType"], resource["ResourceProperties"])
        return cls(environment["STAGE"], properties)
