"""Installs the packages that the functions and the user's actions need."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .builds import build_once, content_digest, digest
from .bytecode import compile_files
from .errors import PackagingError
from .pip import Installation, install
from .requirements import (
    Line,
    Unmet,
    built_here,
    installed_packages,
    read_requirements,
    unmet_requirements,
)
from .sources import Sources
from .target import Target

# The files of Swagger UI, with which Powertools shows an HTTP API to people. They are a quarter of
# what pip installs, and no function answers HTTP.
_LEFT_OUT = ("swagger-ui*.min.js", "swagger-ui*.min.css")
# What is written besides the packages. Another text keeps older folders from being used.
_FORMAT = "with the hashes of the archives"


@dataclass(frozen=True, slots=True)
class Packages:
    """A folder with installed packages, and a hash that differs if its content differs."""

    folder: Path
    hash: str


def install_packages(
    pins_file: Path,
    own_file: Path,
    target: Target,
    packages_folder: Path,
    interpreter: Path | None,
) -> Packages:
    """Return the packages that the functions need, and the user's own; install what is not there.

    Parameters
    ----------
    pins_file
        Pins all packages that the functions need, transitive ones too.
    own_file
        Names the packages that only the user's actions need. It need not exist, and need not pin.
    target
        Where the packages will run.
    packages_folder
        The folder in which each set of packages has a folder.
    interpreter
        The Python that compiles the packages; None if there is none for the target.

    Raises
    ------
    PackagingError
        If pip fails, or if a package requires another one that is not there.
    """
    pins = read_requirements(pins_file, target)
    pins_hash = _digest_lines(pins, target)
    pinned_folder = packages_folder / pins_hash

    def install_pinned(folder: Path) -> None:
        install(Installation(pins_file, pins, target), folder)
        if unmet := unmet_requirements([folder], pins, target):
            raise _lacking(unmet, target, _advice_on_pins(unmet, pins_file))

    build_once(pinned_folder, install_pinned)
    if not own_file.is_file():
        return _prepare([pinned_folder], pins_hash, packages_folder, interpreter)

    own = read_requirements(own_file, target)
    own_folder = packages_folder / digest(pins_hash.encode(), _digest_lines(own, target).encode())

    def install_own(folder: Path) -> None:
        constraints = [line.constraint for line in pins if line.constraint]
        install(Installation(own_file, own, target, constraints), folder)
        if target.kind == "lambda" and (built := built_here(folder)):
            raise PackagingError(
                f"Queue Ends: {', '.join(built)} in {own_file} has no wheel for {target}: pip has "
                "compiled it for this machine. Write the path or URL of a wheel for Lambda there."
            )
        if unmet := unmet_requirements([pinned_folder, folder], [*pins, *own], target):
            raise _lacking(unmet, target, _advice_on_own(unmet, own_file))

    build_once(own_folder, install_own)
    # The folder's name is a hash of what was asked for, which need not name versions.
    installed = installed_packages([own_folder]).items()
    parts = [f"{name} {package.version}" for name, package in installed]
    parts += [pins_hash, content_digest(own_folder)]
    hash_ = digest(*(part.encode() for part in parts))
    return _prepare([pinned_folder, own_folder], hash_, packages_folder, interpreter)


def refuse_shadowed_modules(packages: Packages, sources: Sources) -> None:
    """Raise a PackagingError if a package has a top-level module with the name of one of ours."""
    ours = {path.parts[0].removesuffix(".py") for path in sources}
    theirs = {path.name.partition(".")[0] for path in packages.folder.iterdir()}
    if shadowed := sorted(ours & theirs):
        raise PackagingError(
            f"Queue Ends: a package brings a module {', '.join(shadowed)}, which is the name of a "
            "module of Queue Ends. They cannot both be in the asset; use another package."
        )


def _prepare(
    folders: Sequence[Path], hash_: str, packages_folder: Path, interpreter: Path | None
) -> Packages:
    """Return the packages of folders in one, without what no function needs, and compiled.

    Parameters
    ----------
    folders
        If two hold the same package, the first one counts.
    hash_
        A hash of what is in the folders.
    """
    # The code that two releases of a Python version compile may differ, but does the same.
    prepared_hash = digest(hash_.encode(), b"compiled" if interpreter else b"sources")
    prepared_folder = packages_folder / prepared_hash

    def prepare(folder: Path) -> None:
        for packages in reversed(folders):
            left_out = shutil.ignore_patterns(*_LEFT_OUT)
            shutil.copytree(packages, folder, ignore=left_out, dirs_exist_ok=True)
        if interpreter:
            compile_files(folder, folder.rglob("*"), interpreter)

    build_once(prepared_folder, prepare)
    return Packages(prepared_folder, prepared_hash)


def _digest_lines(lines: Sequence[Line], target: Target) -> str:
    parts = [_FORMAT, target.fingerprint, *(line.text for line in lines)]
    parts += [content_digest(line.local_path) for line in lines if line.local_path]
    return digest(*(part.encode() for part in parts))


def _lacking(unmet: Sequence[Unmet], target: Target, advice: str) -> PackagingError:
    lines = [f"Queue Ends: packages lack what they require on {target}."]
    return PackagingError("\n".join([*lines, *(f"  - {it}" for it in unmet), advice]))


def _advice_on_pins(unmet: Sequence[Unmet], file: Path) -> str:
    names = ", ".join(sorted({it.name for it in unmet}))
    return (
        f"{file} must pin all packages. Write {names} into functions/requirements.in and run "
        "`make lock`, which pins a package and all that it requires."
    )


def _advice_on_own(unmet: Sequence[Unmet], file: Path) -> str:
    lines = sorted({it.requirement for it in unmet})
    return "\n".join([f"Add to {file}:", *(f"    {line}" for line in lines)])
