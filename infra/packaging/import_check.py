"""Proves that the functions' modules import from the asset alone, as far as this machine can."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from .errors import PackagingError
from .modules import (
    Place,
    is_unconditional_import,
    missing_imports,
    removed_modules,
    standard_modules,
)
from .probing import BuiltAsset, Failure, run_probe
from .sources import ACTIONS_ROOM, Sources
from .target import Target

TIME_LIMIT_SECONDS = 60.0
"""How long the imports may take; they run the user's code."""


def this_machine() -> str:
    """Return a text that changes with what this machine has to check imports with."""
    packages = {it.name for path in sys.path for it in Path(path or ".").glob("*.dist-info")}
    return f"{sys.version} {sorted(packages)}"


def check_imports(folder: Path, sources: Sources, target: Target) -> list[str]:
    """Import the functions' modules from the asset; return what could not be checked, in words.

    The handlers are left out, as they make clients when they are imported. Packages of another
    platform are replaced by this machine's, if it has them. An exception other than ImportError and
    SyntaxError is no fault: a module may read an environment variable that only Lambda has.

    Raises
    ------
    PackagingError
        If a module cannot be imported, or imports a module in a function that is not there.
    """
    asset = BuiltAsset(folder.resolve(), sources, target)
    failures, ended = run_probe(asset, TIME_LIMIT_SECONDS)
    faults = {
        place: _missing(module, asset)
        for place, module in missing_imports(sources, asset.folder, target)
    }
    for failure in failures:
        place = _place_of(failure, asset)
        if place and _is_fault(failure, asset):
            faults.setdefault(place, _in_words(failure, asset))
    if faults:
        raise _fault_error(faults, asset)
    notices = _notices(failures, asset)
    if not ended:
        notices.append(
            f"they took more than {TIME_LIMIT_SECONDS:.0f} s, or ended the process. Does a module "
            "of yours do work when it is imported?"
        )
    return [f"Not all imports could be checked: {notice}" for notice in notices]


def _notices(failures: Sequence[Failure], asset: BuiltAsset) -> list[str]:
    """Return a notice for each failure that is no fault, without those that it caused."""
    notices: dict[str, str] = {}
    for failure in failures:
        if not failure.unavailable:
            place = _place_of(failure, asset)
            where = f" at {_name_of(place.path, asset)}, line {place.line}" if place else ""
            notices.setdefault(where, f"{failure.module} raised {failure.message}{where}.")
    if unavailable := sorted({it.unavailable for it in failures if it.unavailable}):
        notices["unavailable"] = (
            f"{sys.executable} lacks packages that the functions will have: "
            f"{', '.join(unavailable)}."
        )
    return list(notices.values())


def _fault_error(faults: Mapping[Place, str], asset: BuiltAsset) -> PackagingError:
    lines = [
        f"  - {_name_of(place.path, asset)}, line {place.line}: {words}"
        for place, words in sorted(faults.items(), key=lambda it: (it[0].path, it[0].line))
    ]
    return PackagingError(
        "\n".join(
            [
                f"Queue Ends: the functions could not import their code on {asset.target}.",
                *lines,
                "If your code needs a package that is not there, write it into a requirements.txt "
                "beside your actions.py, or into functions/requirements.in and run `make lock`.",
            ]
        )
    )


def _place_of(failure: Failure, asset: BuiltAsset) -> Place | None:
    """Return the innermost place in the asset, which is where a person looks."""
    for file, line in reversed(failure.places):
        if path := asset.path_of(file):
            return Place(path, line)
    return None


def _is_fault(failure: Failure, asset: BuiltAsset) -> bool:
    """Return whether the module could not be imported on the target either.

    If the target has another Python, imports under a condition do not count, nor do packages that
    this machine's Python cannot read, or for which its standard library is too old.
    """
    path = asset.path_of(failure.places[-1][0]) if failure.places else None
    top = failure.imported.partition(".")[0] if failure.imported else None
    if path is None or failure.kind == "other":
        return False
    if failure.unavailable or top in asset.borrowed_modules:
        return False
    if asset.target.is_like_this_machine:
        return True
    if failure.kind == "syntax":
        return path in asset.sources
    if not _all_unconditional(failure.places, asset):
        return False
    if failure.is_missing:
        return top not in standard_modules(asset.target)
    return asset.path_of(failure.imported_file) in asset.sources


def _all_unconditional(places: Sequence[tuple[str, int]], asset: BuiltAsset) -> bool:
    return all(
        is_unconditional_import(Path(file).read_bytes(), line)
        for file, line in places
        if asset.path_of(file)
    )


def _in_words(failure: Failure, asset: BuiltAsset) -> str:
    if failure.kind == "syntax":
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        newer = asset.target.version > sys.version_info[:2]
        hint = f" If Python {version} is too old for it, synthesise with a newer Python."
        return f"{failure.message}, says Python {version}.{hint if newer else ''}"
    if failure.is_missing and failure.imported:
        return _missing(failure.imported, asset)
    return f"{failure.message}."


def _missing(module: str, asset: BuiltAsset) -> str:
    top = module.partition(".")[0]
    beside = {ACTIONS_ROOM / f"{top}.py", ACTIONS_ROOM / top}
    if top and any(beside & {path, *path.parents} for path in asset.sources):
        return (
            f"there is no module {module}. The one beside actions.py is imported with "
            f"`from .{module} import …`."
        )
    if top in removed_modules(asset.target):
        return f"there is no module {module}: the standard library no longer has it."
    return f"there is no module {module} in the asset."


def _name_of(path: PurePosixPath, asset: BuiltAsset) -> str:
    """Return what a person calls a file: the source file, or the path of a package's."""
    return str(asset.sources[path].file if path in asset.sources else path)
