"""All that takes part in a run with faults."""

from dataclasses import dataclass

from local.aws.emulator import Emulator
from local.aws.project import Project
from local.chaos.fault_proxy import FaultProxy
from local.chaos.faults import Faults
from local.receivers.crm import Crm
from local.receivers.webhook import WebhookReceiver
from local.screen import Screen


@dataclass(frozen=True, slots=True)
class World:
    """All that takes part."""

    aws: Emulator
    project: Project
    customers: Crm
    webhook: WebhookReceiver
    faults: Faults
    proxy: FaultProxy
    screen: Screen
