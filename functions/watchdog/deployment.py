"""What the watchdog knows of its deployment, from its environment variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from environment import Variables, read_variables
from genesys.queue_ids import unpack_ids
from resources.registry import parse_resource
from resources.resource import Resource


class WatchdogVariables(Variables, frozen=True):
    """The watchdog's environment variables; `infra/watchdog.py` sets them.

    Attributes
    ----------
    deployed
        JSON with the `ResourceType` and the `ResourceProperties` of the stack's custom resource.
    packed_queue_ids
        The ids of the stack's queues, as `genesys.queue_ids.pack_ids` writes them.
    heal
        Whether the watchdog removes the differences that it finds.
    stack_name
        The name of the CloudFormation stack.
    queue_urls
        The URLs of the stack's SQS queues, separated by commas; the intake queue's is the first.
    backfill
        `report` or `repair`; not set if the setting `backfill` is `off`.
    ledger_table
        The name of the ledger's table.
    end_rule
        The rule by which conversations end; set for the backfill alone.
    """

    stage: str
    deployed: str
    ledger_table: str
    packed_queue_ids: str = ""
    heal: bool = False
    stack_name: str = ""
    queue_urls: str = ""
    backfill: str = "off"
    end_rule: str = ""


@dataclass(frozen=True, slots=True)
class BackfillSettings:
    """The settings of the backfill.

    Attributes
    ----------
    sends
        Whether missing ends are sent, and not only counted.
    end_rule
        The rule by which conversations end (see `backfill.expected_ends`).
    """

    sends: bool
    end_rule: str
    intake_queue_url: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the watchdog knows of its stack.

    Attributes
    ----------
    ledger_table
        The name of the ledger's table.
    queue_ids
        The ids of the queues in Genesys Cloud.
    heals
        Whether the watchdog removes differences, and not only reports them.
    stack_name, queue_urls
        The name of the CloudFormation stack, and the URLs of its SQS queues.
    backfill
        The settings of the backfill; None if it is off.
    """

    stage: str
    resource: Resource
    ledger_table: str
    queue_ids: tuple[str, ...] = ()
    heals: bool = False
    stack_name: str = ""
    queue_urls: tuple[str, ...] = ()
    backfill: BackfillSettings | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Deployment":
        """Return the deployment that environment variables describe.

        Raises
        ------
        InvalidEnvironment
            A variable is missing.
        InvalidProperties
            The resource type is unknown, or properties are missing or invalid.
        ValueError
            The queue ids are not packed ids.
        """
        variables = read_variables(WatchdogVariables, environment)
        custom_resource = json.loads(variables.deployed)
        resource = parse_resource(
            custom_resource["ResourceType"], custom_resource["ResourceProperties"]
        )
        return cls(
            variables.stage,
            resource,
            variables.ledger_table,
            unpack_ids(variables.packed_queue_ids),
            heals=variables.heal,
            stack_name=variables.stack_name,
            queue_urls=tuple(filter(None, variables.queue_urls.split(","))),
            backfill=_read_backfill(variables),
        )


def _read_backfill(variables: WatchdogVariables) -> BackfillSettings | None:
    if variables.backfill == "off":
        return None
    return BackfillSettings(
        sends=variables.backfill == "repair",
        end_rule=variables.end_rule,
        intake_queue_url=variables.queue_urls.partition(",")[0],
    )
