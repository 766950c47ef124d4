"""An examination of one stage: where it looks, and the facts that its checks have found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.credentials import Credentials
from infra.settings.settings import Settings
from ops.aws import Aws
from ops.deployed import Deployed
from ops.doctor.deliveries import Delivery
from ops.doctor.template import Template


@dataclass
class Examination:
    """An examination of one stage.

    The attributes without a default are facts. The check that finds a fact sets it, and each check
    that uses the fact needs that check.

    Attributes
    ----------
    context
        Settings that override those of settings.toml, each as `KEY=VALUE`.
    project
        The project's folder.
    deadline
        No request to Genesys Cloud is sent after this deadline.
    genesys
        A client without scopes, for the questions that every delivery has.
    delivery_client
        A client with the scopes of the delivery.
    template
        The deployed stack's template; None if no stack is deployed.
    mapping_works
        Whether the event source mapping takes messages from the intake queue, as far as is known.
    """

    stage: str
    context: Sequence[str]
    project: Path
    deadline: Deadline
    aws: Aws = field(init=False)
    settings: Settings = field(init=False)
    delivery: Delivery = field(init=False)
    credentials: Credentials = field(init=False)
    genesys: GenesysClient = field(init=False)
    delivery_client: GenesysClient = field(init=False)
    deployed: Deployed = field(init=False)
    template: Template | None = None
    mapping_works: bool = True

    def deployed_template(self) -> Template:
        """Return the template; checks that call this need the check of the deployed stack."""
        assert self.template is not None  # noqa: S101 - the sequence guarantees it
        return self.template
