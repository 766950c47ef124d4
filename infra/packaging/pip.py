"""Runs pip for a target, and explains its errors."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from .errors import PackagingError
from .requirements import ARCHIVE_HASH_FILE, Line
from .target import Target

_OPTIONS = (
    "--no-compile",
    "--no-input",
    "--no-user",  # which --target excludes, and some people's configuration asks for
    "--no-color",
    "--progress-bar=off",
    "--disable-pip-version-check",
)
_TAIL_LINES = 15
# Lines of pip's output that say that an index could not be asked. pip then reports that a package
# has no version, so they are looked for first.
_NO_NETWORK = r"Retrying \(Retry|NewConnectionError|ConnectionError|ProxyError|SSLError"
_NO_WHEEL = r"No matching distribution found for ([^\n]+)|(\S+\.whl) is not a supported wheel"
_CONFLICT = r"ResolutionImpossible|conflicting dependencies"
_WRONG_HASH = r"DO NOT MATCH THE HASHES"
_NO_HASH = r"In --require-hashes mode|Hashes are required"


@dataclass(frozen=True, slots=True)
class Installation:
    """What pip is to install.

    Attributes
    ----------
    file
        The requirements file, for messages.
    lines
        The lines of the file that hold for the target.
    target
        Where the packages will run.
    constraints
        Lines with the versions that packages must have if they are installed. None if the file
        pins all packages, so that pip need not look for others.
    """

    file: Path
    lines: Iterable[Line]
    target: Target
    constraints: Iterable[str] | None = None


def install(installation: Installation, folder: Path) -> None:
    """Install packages into a folder.

    Raises
    ------
    PackagingError
        If pip fails or this Python has no pip.
    """
    if importlib.util.find_spec("pip") is None:
        raise PackagingError(
            f"Queue Ends: {sys.executable} has no pip, which installs what the functions need. Run "
            f"`{sys.executable} -m ensurepip`, or make the environment with `uv venv --seed` or "
            "`python -m venv`."
        )
    with tempfile.TemporaryDirectory() as scratch:
        requirements, constraints = Path(scratch, "requirements.txt"), Path(scratch, "pins.txt")
        report = Path(scratch, "report.json")
        requirements.write_text("".join(f"{line.text}\n" for line in installation.lines))
        command = [sys.executable, "-m", "pip", "install", *_OPTIONS]
        command += [*installation.target.pip_options, f"--target={folder.resolve()}"]
        command += [f"--requirement={requirements}", f"--report={report}"]
        if installation.constraints is None:
            command.append("--no-deps")
        else:
            constraints.write_text("".join(f"{line}\n" for line in installation.constraints))
            command.append(f"--constraint={constraints}")
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if not result.returncode:
            _write_archive_hashes(json.loads(report.read_text(encoding="utf-8")), folder)
    if result.returncode:
        # Nobody knows the file that pip has read, nor its lines.
        read_file = rf"{re.escape(str(requirements))}( \(line \d+\))?"
        output = re.sub(read_file, lambda _: str(installation.file), result.stdout)
        tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
        raise PackagingError(
            f"Queue Ends: pip could not install what {installation.file} names for "
            f"{installation.target} (exit status {result.returncode}). "
            f"{_explanation(output, installation)}\n{tail}"
        )
    # The scripts in pip's bin/ contain the path of this machine's interpreter.
    shutil.rmtree(folder / "bin", ignore_errors=True)


def _write_archive_hashes(report: Mapping[str, Any], folder: Path) -> None:
    """Write the hash of each package's archive beside its metadata, for the bill of materials."""
    hashes = {
        canonicalize_name(item["metadata"]["name"]): archive["hashes"].get("sha256")
        for item in report["install"]
        if (archive := item["download_info"].get("archive_info")) and "hashes" in archive
    }
    for info in folder.glob("*.dist-info"):
        if archive_hash := hashes.get(canonicalize_name(Distribution.at(info).name)):
            (info / ARCHIVE_HASH_FILE).write_text(f"{archive_hash}\n", encoding="utf-8")


def _explanation(output: str, installation: Installation) -> str:
    is_ours, name = installation.constraints is None, installation.file.name
    if re.search(_NO_NETWORK, output):
        return "pip could not reach its package index. It said:"
    if re.search(_WRONG_HASH, output):
        return (
            f"A package differs from its hash in {name}. If you edited {name} by hand, write the "
            "package into functions/requirements.in instead and run `make lock`. pip said:"
        )
    if re.search(_NO_HASH, output):
        if is_ours:
            return (
                f"{name} has hashes, so it needs them for all packages. Write the name of the "
                "package into functions/requirements.in and run `make lock`. pip said:"
            )
        return (
            f"{name} has hashes, so it must pin all packages that its packages require, with "
            "hashes. Pin them too, or remove the hashes. pip said:"
        )
    if re.search(_CONFLICT, output):
        return (
            "Its packages need other versions than each other, or than functions/requirements.txt "
            "pins for the functions (`constraint`). Choose versions that fit. pip said:"
        )
    if missing := re.search(_NO_WHEEL, output):
        return _no_wheel((missing[1] or missing[2]).strip(), installation.target)
    return "pip said:"


def _no_wheel(package: str, target: Target) -> str:
    if target.kind == "host":
        return f"No version of {package} fits {target}. Check the name and the version. pip said:"
    return (
        f"{package} has no wheel for {target}, or there is no such package or version. Choose "
        "another version or a package in pure Python, or another `architecture` or "
        "`python_version` in the settings for which it has a wheel. pip said:"
    )
