"""Builds one asset for this machine and one for Lambda: `python -m infra.packaging`."""

import sys
from pathlib import Path

from . import PackagingError, Target, build_asset

for target in (Target("host"), Target("lambda")):
    try:
        build_asset(Path("functions"), target, Path("build"))
    except PackagingError as error:
        sys.exit(str(error))
