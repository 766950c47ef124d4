"""The deployed resource, as the watchdog's environment describes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from environment import Variables, read_variables
from resources.registry import parse
from resources.resource import Resource


class WatchdogVariables(Variables, frozen=True):
    """The watchdog's environment variables; `infra/watchdog.py` sets them.

    Attributes
    ----------
    deployed
        JSON with the `ResourceType` and the `ResourceProperties` of the stack's custom resource.
    """

    stage: str
    deployed: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stage and the resource that was deployed for it."""

    stage: str
    resource: Resource

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Deployed":
        """Return the resource that environment variables describe.

        Raises
        ------
        InvalidEnvironment
            A variable is missing.
        InvalidProperties
            Some properties are missing or wrong.
        """
        variables = read_variables(WatchdogVariables, environment)
        deployed = json.loads(variables.deployed)
        resource = parse(deployed["ResourceType"], deployed["ResourceProperties"])
        return cls(variables.stage, resource)
