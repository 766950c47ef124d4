"""The targets by name, and how often each of them is run."""

from functools import partial

from tests.fakes.aws.cloudformation import EVENT_SOURCE, SUBSCRIPTION
from tests.fuzz.target import Plan
from tests.fuzz.targets.addresses import AddressesTarget
from tests.fuzz.targets.client import ClientTarget
from tests.fuzz.targets.custom_resource import LOOKUPS, CustomResourceTarget
from tests.fuzz.targets.settings import SettingsTarget
from tests.fuzz.targets.webhook import WebhookTarget
from tests.fuzz.targets.worker import WorkerTarget

PLANS = {
    "worker-subscription": Plan(200_000, partial(WorkerTarget, "")),
    "worker-touched": Plan(160_000, partial(WorkerTarget, "touched")),
    "worker-last_queue": Plan(120_000, partial(WorkerTarget, "last_queue")),
    "worker-queue_leg": Plan(120_000, partial(WorkerTarget, "queue_leg")),
    "client": Plan(96_000, ClientTarget),
    "subscription": Plan(12_000, partial(CustomResourceTarget, [SUBSCRIPTION])),
    "integration": Plan(12_000, partial(CustomResourceTarget, [EVENT_SOURCE])),
    "lookups": Plan(10_000, partial(CustomResourceTarget, LOOKUPS)),
    "webhook": Plan(60_000, WebhookTarget),
    "addresses": Plan(90_000, AddressesTarget),
    "settings": Plan(120_000, SettingsTarget),
}
"""The shares make a million."""
