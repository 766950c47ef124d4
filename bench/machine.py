"""The machine and the software that a benchmark runs on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

# The packages whose versions matter for the results.
_PACKAGES = ("boto3", "botocore", "aws-lambda-powertools", "msgspec", "pydantic")
_PROJECT = Path(__file__).resolve().parents[1]


def environment() -> dict[str, str | int]:
    """Return facts about the machine, the versions and the commit, keyed by name."""
    return {
        "Python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "CPU": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "pinned core": pinned_core() if can_pin() else "none: this system cannot pin a process",
        "commit": _commit(),
    }


def can_pin() -> bool:
    return hasattr(os, "sched_setaffinity")


def pinned_core() -> int:
    """Return the core for parts that run on one core: the last that this process may use."""
    return max(os.sched_getaffinity(0))


def pin_to_one_core() -> None:
    """Have this process and its later children run on `pinned_core`, if the system can."""
    if can_pin():
        os.sched_setaffinity(0, {pinned_core()})


def _cpu_model() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit, with a note if files have been changed since."""
    command = ["git", "describe", "--always", "--dirty=, with changes"]
    result = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
