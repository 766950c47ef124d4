"""The CDK code of Queue Ends, which turns a stage's settings into a CloudFormation template."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .packaging import PackagingError
    from .queue_ends import QueueEnds
    from .settings.reading import SettingsError, load, make_settings
    from .settings.settings import Settings
    from .stack import QueueEndsStack

__all__ = [
    "PackagingError",
    "QueueEnds",
    "QueueEndsStack",
    "Settings",
    "SettingsError",
    "load",
    "make_settings",
]

# jsii, which aws_cdk loads, prints a 12-line banner if the Node.js version is past its end of life.
# The banner would hide our error messages, and the CDK runs well on the versions below.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22,23,24")

_HERE = Path(__file__).resolve().parent
# The deployed code is beside this package in a checkout, and inside of it where it is installed.
FUNCTIONS_FOLDER = next(
    folder for folder in (_HERE / "functions", _HERE.parent / "functions") if folder.is_dir()
)
# This package imports some modules of the deployed code, whose import root is functions/. That
# folder is added last, so that its modules shadow no others.
sys.path.append(str(FUNCTIONS_FOLDER))
for _name in ("conversations", "destinations", "genesys", "metrics"):
    _spec = importlib.util.find_spec(_name)
    _origin = (_spec and _spec.origin) or "a folder without __init__.py"
    if FUNCTIONS_FOLDER not in Path(_origin).resolve().parents:
        raise ImportError(
            f"Queue Ends has a module {_name!r}, which another of the same name hides: {_origin}. "
            "Rename the other one, or move it into a package of yours."
        )

# Where another CDK app finds the public names. They are imported only when they are used, because
# the CDK takes seconds to start and the settings do not need it.
_MODULES = {
    "PackagingError": ".packaging",
    "QueueEnds": ".queue_ends",
    "QueueEndsStack": ".stack",
    "Settings": ".settings.settings",
    "SettingsError": ".settings.reading",
    "load": ".settings.reading",
    "make_settings": ".settings.reading",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name], __name__), name)
