"""Build the one deployment asset with pip, without Docker, cached by what goes into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Lambda's python3.14 runs on Amazon Linux 2023 (glibc 2.34). pip takes only what is named: older
# manylinux tags are not implied by newer ones.
_LAMBDA_OPTIONS = (
    "--platform=manylinux_2_28_aarch64",
    "--platform=manylinux_2_17_aarch64",
    "--platform=manylinux2014_aarch64",
    "--python-version=3.14",
    "--implementation=cp",
    "--only-binary=:all:",
)
_PIP_OPTIONS = ("--no-deps", "--no-compile", "--no-input", "--disable-pip-version-check", "--quiet")
_PINS = "requirements.txt"
# pip's bin/ holds scripts that name the interpreter of this machine.
_NOT_PACKED = {"__pycache__", "bin", "tests", _PINS, "requirements.in"}


class PackagingError(Exception):
    """The asset could not be built; the text says why and what to look at."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A built asset: its folder, and the hash of all that went into it."""

    folder: Path
    hash: str


def build(functions: Path, target: str, build_folder: Path) -> Asset:
    """Build the asset of the functions, or find it built.

    Only the contents of files count, not their times nor where the project lies: the same
    sources and pins give the same hash everywhere.

    Parameters
    ----------
    functions
        The folder of sources; its requirements.txt pins every package, transitive ones too.
    target
        `lambda` (python3.14 on arm64) or `host` (this interpreter).
    build_folder
        Where what was built is kept: `packages/<hash>` and `assets/<hash>`.

    Raises
    ------
    PackagingError
        When pip fails.
    """
    pins = functions / _PINS
    options = _LAMBDA_OPTIONS if target == "lambda" else ()
    machine = "" if target == "lambda" else _this_machine()
    packages_hash = _digest(pins.read_bytes(), " ".join(options).encode(), machine.encode())
    packages = build_folder / "packages" / packages_hash
    _build_once(packages, lambda folder: _install(pins, options, folder))

    # Read each file once: the hash is that of the packed content, also if it is saved meanwhile.
    sources = {path: (functions / path).read_bytes() for path in _sources(functions)}
    parts = (part for path, content in sources.items() for part in (str(path).encode(), content))
    asset_hash = _digest(packages_hash.encode(), *parts)

    def fill(folder: Path) -> None:
        shutil.copytree(packages, folder, dirs_exist_ok=True)
        for path, content in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        _make_readable(folder)

    asset = build_folder / "assets" / asset_hash
    _build_once(asset, fill)
    return Asset(asset, asset_hash)


def _this_machine() -> str:
    return f"{sysconfig.get_platform()} {sys.version_info[:2]} {sysconfig.get_config_var('SOABI')}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _sources(functions: Path) -> list[PurePosixPath]:
    """Return what is packed, relative to the folder, in an order that is the same everywhere."""
    files = (path for path in functions.rglob("*") if path.is_file() and path.suffix != ".pyc")
    relative = (PurePosixPath(path.relative_to(functions).as_posix()) for path in files)
    return sorted(
        path
        for path in relative
        if not any(part in _NOT_PACKED or part.startswith(".") for part in path.parts)
    )


def _build_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder aside and rename it, so that it is whole as soon as it is there."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name[:12]}-", dir=folder.parent))
    try:
        fill(aside)
        aside.rename(folder)
    except OSError:
        if not folder.exists():  # else another process was quicker, and built the same
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _install(pins: Path, options: tuple[str, ...], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", *_PIP_OPTIONS, *options]
    command += [f"--target={folder}", f"--requirement={pins}"]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    if pip.returncode:
        tail = "\n".join((pip.stdout + pip.stderr).strip().splitlines()[-15:])
        raise PackagingError(
            f"Queue Ends: pip could not install what {pins} pins "
            f"(exit status {pip.returncode}):\n{tail}"
        )
    shutil.rmtree(folder / "bin", ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """Let every user read the tree: a strict umask here must not lock Lambda out of its code."""
    for parent, _, names in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in names:
            (Path(parent) / name).chmod(0o644)


if __name__ == "__main__":
    for target in ("host", "lambda"):
        build(Path("functions"), target, Path("build"))
