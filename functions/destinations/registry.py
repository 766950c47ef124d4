"""The chosen destinations. To add one, write a module beside this one and add a line here."""

import importlib
from collections.abc import Mapping

from destinations.destination import Destination

MODULES = {
    "actions": "destinations.user_code",
    "bus": "destinations.bus",
    "webhook": "destinations.webhook",
    "archive": "destinations.archive",
}


def load_destinations(environment: Mapping[str, str]) -> list[Destination]:
    """Return the destinations that `DESTINATIONS` names, in its order; only these are imported."""
    names = environment["DESTINATIONS"].split(",")
    return [importlib.import_module(MODULES[name]).destination(environment) for name in names]
