"""Builds the asset that all functions share, with pip and without Docker.

`python -m infra.packaging` builds one asset for this machine and one for Lambda.
"""

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

# Lambda's python3.14 runs on Amazon Linux 2023 (glibc 2.34), which supports all these manylinux
# platforms. pip needs each of them by name: given a newer platform, it does not accept wheels for
# the older ones.
_LAMBDA_OPTIONS = (
    "--platform=manylinux_2_28_aarch64",
    "--platform=manylinux_2_17_aarch64",
    "--platform=manylinux2014_aarch64",
    "--python-version=3.14",
    "--implementation=cp",
    "--only-binary=:all:",
)
_PIP_OPTIONS = ("--no-deps", "--no-compile", "--no-input", "--disable-pip-version-check", "--quiet")
_PINS_FILE = "requirements.txt"
# The names of the source files and folders that the asset leaves out.
_EXCLUDED_NAMES = {"__pycache__", "bin", "tests", _PINS_FILE, "requirements.in"}


class PackagingError(Exception):
    """The asset could not be built; the message shows pip's error."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A built asset: its folder, and the hash of its sources, pins and pip options."""

    folder: Path
    hash: str


def build_asset(source_folder: Path, target: str, build_folder: Path) -> Asset:
    """Return the functions' asset; build it unless it is already in the build folder.

    The hash covers file contents and relative paths, not timestamps or the project's location. For
    the target `lambda`, the same sources and pins give the same hash on every machine.

    Parameters
    ----------
    source_folder
        The functions' source folder. Its requirements.txt pins all packages, transitive ones too.
    target
        `lambda` (python3.14 on arm64) or `host` (this machine and Python version).
    build_folder
        The folder that keeps the builds, as `packages/<hash>` and `assets/<hash>`.

    Raises
    ------
    PackagingError
        If pip fails.
    """
    pins_file = source_folder / _PINS_FILE
    options = _LAMBDA_OPTIONS if target == "lambda" else ()
    host_description = "" if target == "lambda" else _describe_host()
    packages_hash = _digest(
        pins_file.read_bytes(), " ".join(options).encode(), host_description.encode()
    )
    packages_folder = build_folder / "packages" / packages_hash
    _build_once(packages_folder, lambda folder: _install(pins_file, options, folder))

    # Each file is read only once, so that the hash matches the packed content even if a file is
    # saved during the build.
    sources = {
        path: (source_folder / path).read_bytes() for path in _list_source_paths(source_folder)
    }
    hashed_parts = [packages_hash.encode()]
    for path, content in sources.items():
        hashed_parts += [str(path).encode(), content]
    asset_hash = _digest(*hashed_parts)

    def fill(folder: Path) -> None:
        shutil.copytree(packages_folder, folder, dirs_exist_ok=True)
        for path, content in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        _make_readable(folder)

    asset_folder = build_folder / "assets" / asset_hash
    _build_once(asset_folder, fill)
    return Asset(asset_folder, asset_hash)


def _describe_host() -> str:
    return f"{sysconfig.get_platform()} {sys.version_info[:2]} {sysconfig.get_config_var('SOABI')}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    # Without the lengths, the parts `ab` and `c` would have the same digest as `a` and `bc`.
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _list_source_paths(source_folder: Path) -> list[PurePosixPath]:
    """Return the paths of the files to pack, relative to the source folder and sorted."""
    files = (path for path in source_folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    relative_paths = (PurePosixPath(path.relative_to(source_folder).as_posix()) for path in files)
    return sorted(
        path
        for path in relative_paths
        if not any(part in _EXCLUDED_NAMES or part.startswith(".") for part in path.parts)
    )


def _build_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Create and fill the folder if it does not exist.

    The content is written to a temporary folder, which is renamed when it is complete. An aborted
    build therefore leaves no incomplete folder behind.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary_folder = Path(tempfile.mkdtemp(prefix=f".{folder.name[:12]}-", dir=folder.parent))
    try:
        fill(temporary_folder)
        temporary_folder.rename(folder)
    except OSError:
        built_by_another_process = folder.exists()
        if not built_by_another_process:
            raise
    finally:
        shutil.rmtree(temporary_folder, ignore_errors=True)


def _install(pins_file: Path, options: tuple[str, ...], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", *_PIP_OPTIONS, *options]
    command += [f"--target={folder}", f"--requirement={pins_file}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise PackagingError(
            f"Queue Ends: pip could not install what {pins_file} pins "
            f"(exit status {result.returncode}):\n{tail}"
        )
    # The scripts in pip's bin/ contain the path of this machine's interpreter.
    shutil.rmtree(folder / "bin", ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """Make the folder readable for every user, as Lambda requires, even if the umask is strict."""
    for parent, _, file_names in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in file_names:
            (Path(parent) / name).chmod(0o644)


if __name__ == "__main__":
    for target in ("host", "lambda"):
        build_asset(Path("functions"), target, Path("build"))
