"""Builds the asset: the functions' sources, the user's actions, and the packages of both."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .builds import build_once, digest
from .bytecode import compile_files, find_interpreter, missing_interpreter_notice
from .import_check import check_imports, this_machine
from .packages import install_packages, refuse_shadowed_modules
from .sources import ACTIONS_ROOM, PINS_FILE, read_sources
from .target import Target

_NOTICES_FILE = "notices.json"


@dataclass(frozen=True, slots=True)
class Asset:
    """A built asset.

    Attributes
    ----------
    folder
        The folder to deploy.
    hash
        The hash of the sources, the pins and the target, and of the user's own packages. It also
        says whether the code is compiled.
    notices
        Sentences that say what could not be checked about the asset, or done for it.
    """

    folder: Path
    hash: str
    notices: tuple[str, ...] = ()


def build_asset(
    source_folder: Path,
    target: Target,
    build_folder: Path,
    *,
    actions_folder: Path | None = None,
) -> Asset:
    """Return the functions' asset; build it unless it is already in the build folder.

    The hash covers file contents and relative paths, not timestamps or the project's location. For
    Lambda, the same sources, pins and own packages give the same hash on all machines that have the
    target's Python, and another one on all that do not: there, the code cannot be compiled.

    Parameters
    ----------
    source_folder
        The functions' source folder. Its requirements.txt pins all packages, transitive ones too.
    target
        Where the functions will run.
    build_folder
        The folder that keeps the builds, as `packages/<hash>` and `assets/<hash>`, and what the
        checks of their imports found, as `checks/<hash>`.
    actions_folder
        The folder of the user's actions, if it is not `destinations` in the source folder. If it
        has a requirements.txt, the packages in it are installed too.

    Raises
    ------
    PackagingError
        If pip fails, a package lacks one that it requires, the actions' folder cannot be used, or
        the functions' modules cannot be imported from the asset.
    """
    actions_folder = actions_folder or source_folder / ACTIONS_ROOM
    sources = read_sources(source_folder, actions_folder, build_folder)
    interpreter = find_interpreter(target)
    packages = install_packages(
        source_folder / PINS_FILE,
        actions_folder / PINS_FILE,
        target,
        build_folder / "packages",
        interpreter,
    )
    refuse_shadowed_modules(packages, sources)
    hashed_parts = [packages.hash.encode()]
    for path, source in sources.items():
        hashed_parts += [str(path).encode(), source.content]
    asset_hash = digest(*hashed_parts)
    asset_folder = build_folder / "assets" / asset_hash
    check_folder = build_folder / "checks" / digest(asset_hash.encode(), this_machine().encode())

    def fill(folder: Path) -> None:
        shutil.copytree(packages.folder, folder, dirs_exist_ok=True)
        for path, source in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(source.content)
        if interpreter:
            compile_files(folder, [folder / path for path in sources], interpreter)
        _make_readable(folder)

    def check(folder: Path) -> None:
        notices = check_imports(asset_folder, sources, target)
        (folder / _NOTICES_FILE).write_text(json.dumps(notices), encoding="utf-8")

    build_once(asset_folder, fill)
    build_once(check_folder, check)
    notices = json.loads((check_folder / _NOTICES_FILE).read_text(encoding="utf-8"))
    if interpreter is None:
        notices.append(missing_interpreter_notice(target))
    return Asset(asset_folder, asset_hash, tuple(notices))


def _make_readable(folder: Path) -> None:
    """Make the folder readable for every user, as Lambda requires, even if the umask is strict."""
    for parent, _, file_names in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in file_names:
            file = Path(parent) / name
            is_program = file.stat().st_mode & 0o100  # a package may start one of its own
            file.chmod(0o755 if is_program else 0o644)
