"""The targets by name; a target's module is imported when the target is made."""

from tests.fuzz.target import Target

SHARES = {
    "worker-subscription": 200_000,
    "worker-touched": 160_000,
    "worker-last_queue": 120_000,
    "worker-queue_leg": 120_000,
    "client": 80_000,
    "subscription": 20_000,
    "integration": 20_000,
    "lookups": 10_000,
    "webhook": 60_000,
    "addresses": 90_000,
    "settings": 120_000,
}
"""How many of a million inputs each target gets, by its name."""


def make_target(name: str) -> Target:
    """Return a new target, which takes what it patches for the whole life of the process."""
    part, _, rule = name.partition("-")
    if part == "worker":
        from tests.fuzz.targets.worker import WorkerTarget  # noqa: PLC0415

        return WorkerTarget("" if rule == "subscription" else rule)
    if name == "client":
        from tests.fuzz.targets.client import ClientTarget  # noqa: PLC0415

        return ClientTarget()
    if name in ("subscription", "integration", "lookups"):
        from tests.fuzz.targets.custom_resource import CustomResourceTarget  # noqa: PLC0415

        return CustomResourceTarget(name)
    if name == "webhook":
        from tests.fuzz.targets.webhook import WebhookTarget  # noqa: PLC0415

        return WebhookTarget()
    if name == "addresses":
        from tests.fuzz.targets.addresses import AddressesTarget  # noqa: PLC0415

        return AddressesTarget()
    if name == "settings":
        from tests.fuzz.targets.settings import SettingsTarget  # noqa: PLC0415

        return SettingsTarget()
    raise KeyError(name)
