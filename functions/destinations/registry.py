"""Loads the destinations that are listed in the setting `destinations`.

To add a destination, write a module with a `make_destination` function in this folder and add the
module to `MODULES`.
"""

import importlib
from collections.abc import Mapping

from destinations.destination import Destination

MODULES = {
    # actions.py contains only the user's function; call_actions.py calls it.
    "actions": "destinations.call_actions",
    "bus": "destinations.bus",
    "webhook": "destinations.webhook",
    "archive": "destinations.archive",
}


def load_destinations(environment: Mapping[str, str]) -> list[Destination]:
    """Return the destinations that are listed in the variable `DESTINATIONS`, in the same order.

    The modules of other destinations are not imported, so that the worker starts faster.
    """
    names = environment["DESTINATIONS"].split(",")
    return [importlib.import_module(MODULES[name]).make_destination(environment) for name in names]
