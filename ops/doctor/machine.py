"""Checks of this machine: Python, Node.js and the CDK CLI."""

import json
import re
import subprocess
import sys

from ops.doctor.checks import Result, failed, ok
from ops.doctor.examination import Examination

_MIN_PYTHON = (3, 11)
_MIN_NODE = 20
_SETUP = "Run: make setup"


def check_python(_: Examination) -> Result:
    """Check the version of the Python that runs this command."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _MIN_PYTHON:
        return failed(f"Python {version} is too old", "Install Python 3.11 or newer.")
    return ok(version)


def check_node(_: Examination) -> Result:
    """Check that Node.js, which runs the CDK CLI, is there and new enough."""
    fix = f"Install Node.js {_MIN_NODE} or newer; the CDK CLI needs it."
    try:
        completed = subprocess.run(
            ["node", "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return failed("Node.js was not found on the PATH", fix)
    version = re.match(r"v(\d+)\.", completed.stdout)
    if not version:
        return failed("node --version did not print a version", fix)
    if int(version[1]) < _MIN_NODE:
        return failed(f"Node.js {completed.stdout.strip()} is too old", fix)
    return ok(completed.stdout.strip().removeprefix("v"))


def check_cdk(examination: Examination) -> Result:
    """Check that the CDK CLI is installed in the version that package.json pins."""
    project = examination.project
    package = json.loads((project / "package.json").read_text(encoding="utf-8"))
    pinned = package["devDependencies"]["aws-cdk"]
    installed = project / "node_modules/aws-cdk/package.json"
    if not (project / "node_modules/.bin/cdk").exists() or not installed.exists():
        return failed("node_modules/.bin/cdk does not exist", _SETUP)
    version = json.loads(installed.read_text(encoding="utf-8"))["version"]
    if version != pinned:
        return failed(f"CDK CLI {version} is installed, {pinned} is pinned", _SETUP)
    return ok(version)
