"""Proves that the functions' modules import from the asset alone, as far as this machine can."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import PackagingError
from .modules import (
    RUNTIME_MODULES,
    Place,
    is_unconditional_import,
    missing_imports,
    removed_modules,
    standard_modules,
    used_modules,
)
from .sources import ACTIONS_ROOM, Sources
from .target import Target

TIME_LIMIT_SECONDS = 60.0
"""How long the imports may take; they run the user's code."""
_PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True, slots=True)
class _Asset:
    folder: Path
    sources: Sources
    target: Target

    @property
    def modules(self) -> set[str]:
        """The top-level modules in the asset."""
        return {path.name.partition(".")[0] for path in self.folder.iterdir()}

    @property
    def foreign_modules(self) -> set[str]:
        """The top-level modules in the asset with parts that this machine cannot load."""
        if self.target.kind == "host":
            return set()
        machine = self.target.marker_environment["platform_machine"]
        is_same_platform = sys.platform == "linux" and platform.machine() == machine
        return {
            path.relative_to(self.folder).parts[0].partition(".")[0]
            for path in self.folder.rglob("*.so")
            if not (is_same_platform and path.name[path.name.index(".") :] in EXTENSION_SUFFIXES)
        }

    @property
    def borrowed_modules(self) -> set[str]:
        """The top-level modules that the check takes from this machine, in versions of its own."""
        return self.foreign_modules | (RUNTIME_MODULES - self.modules)

    def path_of(self, file: str | None) -> PurePosixPath | None:
        """Return a file's path in the asset, or None if it is elsewhere."""
        if file is None or not Path(file).is_relative_to(self.folder):
            return None
        return PurePosixPath(Path(file).relative_to(self.folder).as_posix())

    def name_of(self, path: PurePosixPath) -> str:
        """Return what a person calls a file: the source file, or the path of a package's."""
        return str(self.sources[path].file if path in self.sources else path)


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
    asset = _Asset(folder.resolve(), sources, target)
    faults = {
        place: _missing(module, asset)
        for place, module in missing_imports(sources, asset.folder, target)
    }
    failures, ended = _run_probe(asset)
    notices: dict[str, str] = {}
    for failure in failures:
        place = _place_of(failure, asset)
        if _is_fault(failure, asset) and place:
            faults.setdefault(place, _in_words(failure, asset))
        elif place not in faults:
            where = f" at {asset.name_of(place.path)}, line {place.line}" if place else ""
            notices.setdefault(where, f"{failure['module']} raised {failure['message']}{where}")
    if faults:
        lines = [
            f"  - {asset.name_of(place.path)}, line {place.line}: {words}"
            for place, words in sorted(faults.items(), key=lambda it: (it[0].path, it[0].line))
        ]
        raise PackagingError(
            "\n".join(
                [f"Queue Ends: the functions could not import their code on {target}.", *lines]
            )
            + "\nWrite a package that your code needs into functions/requirements.in and run `make "
            "lock`, or write it into a requirements.txt beside your actions.py."
        )
    if not ended:
        notices["end"] = (
            f"they took more than {TIME_LIMIT_SECONDS:.0f} s, or ended the process: does a module "
            "of yours do work when it is imported?"
        )
    return [f"Not all imports could be checked: {notice}" for notice in notices.values()]


def _run_probe(asset: _Asset) -> tuple[list[dict[str, Any]], bool]:
    """Return the modules that could not be imported, and whether the probe got to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        home, work, results = (Path(scratch, name) for name in ("home", "work", "results"))
        home.mkdir()
        results.touch()
        names = [name for name, path in used_modules(asset.sources).items() if _is_safe(path)]
        description = {
            "asset": str(asset.folder),
            # The user's code comes last, so that it cannot keep ours from being checked.
            "modules": sorted(names, key=lambda name: (name.startswith(str(ACTIONS_ROOM)), name)),
            "foreign": sorted(asset.foreign_modules),
            "runtime": sorted(RUNTIME_MODULES),
            "removed": sorted(removed_modules(asset.target) - asset.modules),
            "host_paths": [str(Path(path).resolve()) for path in sys.path if path],
            "results": str(results),
        }
        work.write_text(json.dumps(description), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_PROBE), str(work)],
            cwd=home,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(TIME_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line], None in lines


def _environment(home: Path) -> dict[str, str]:
    """Return variables without credentials, endpoints and a home, for code that looks for them."""
    nowhere = str(home / "none")
    return {
        **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
        "HOME": str(home),
        "USERPROFILE": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "AWS_CONFIG_FILE": nowhere,
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }


def _is_safe(path: PurePosixPath) -> bool:
    is_named = all(part.isidentifier() for part in path.with_suffix("").parts)
    return is_named and path.name not in ("handler.py", "__main__.py")


def _place_of(failure: dict[str, Any], asset: _Asset) -> Place | None:
    """Return the innermost place in the asset, which is where a person looks."""
    places = [
        Place(path, line)
        for file, line in failure["places"]
        if (path := asset.path_of(file)) is not None
    ]
    return places[-1] if places else None


def _is_fault(failure: dict[str, Any], asset: _Asset) -> bool:
    """Return whether the module could not be imported on the target either.

    If the target has another Python, imports under a condition do not count, nor do packages that
    this machine's Python cannot read, or for which its standard library is too old.
    """
    places, imported = failure["places"], failure["imported"]
    path = asset.path_of(places[-1][0]) if places else None
    top = imported.partition(".")[0] if imported else None
    if failure["kind"] == "other" or path is None or top in asset.borrowed_modules:
        return False
    if asset.target.is_like_this_machine:
        return True
    if failure["kind"] == "syntax":
        return path in asset.sources
    if not _all_unconditional(places, asset):
        return False
    if failure["is_missing"]:
        return top not in standard_modules(asset.target)
    return asset.path_of(failure["imported_file"]) in asset.sources


def _all_unconditional(places: Sequence[tuple[str, int]], asset: _Asset) -> bool:
    return all(
        is_unconditional_import(Path(file).read_bytes(), line)
        for file, line in places
        if asset.path_of(file)
    )


def _in_words(failure: dict[str, Any], asset: _Asset) -> str:
    if failure["kind"] == "syntax":
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        newer = asset.target.version > sys.version_info[:2]
        hint = f" If Python {version} is too old for it, synthesise with a newer Python."
        return f"{failure['message']}, says Python {version}.{hint if newer else ''}"
    if failure["is_missing"] and failure["imported"]:
        return _missing(failure["imported"], asset)
    return str(failure["message"])


def _missing(module: str, asset: _Asset) -> str:
    top = module.partition(".")[0]
    beside: Iterable[PurePosixPath] = (ACTIONS_ROOM / f"{top}.py", ACTIONS_ROOM / top)
    if any(path in asset.sources or _is_folder(path, asset) for path in beside):
        return (
            f"there is no module {module}. The one beside actions.py is imported with "
            f"`from .{module} import …`."
        )
    if top in removed_modules(asset.target):
        return f"there is no module {module}: the standard library no longer has it."
    return f"there is no module {module} in the asset."


def _is_folder(path: PurePosixPath, asset: _Asset) -> bool:
    return any(path in source.parents for source in asset.sources)
