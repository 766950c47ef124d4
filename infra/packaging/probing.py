"""Runs the probe, which imports an asset's modules, apart from this machine's packages."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

from .modules import RUNTIME_MODULES, removed_modules, used_modules
from .sources import ACTIONS_ROOM, Sources
from .target import Target

_PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True, slots=True)
class BuiltAsset:
    """An asset whose imports are checked; its folder is an absolute path."""

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
        """The top-level modules that the probe takes from this machine, in versions of its own."""
        return self.foreign_modules | (RUNTIME_MODULES - self.modules)

    def path_of(self, file: str | None) -> PurePosixPath | None:
        """Return a file's path in the asset, or None if it is elsewhere."""
        if file is None or not Path(file).is_relative_to(self.folder):
            return None
        return PurePosixPath(Path(file).relative_to(self.folder).as_posix())


@dataclass(frozen=True, slots=True)
class Failure:
    """A module that the probe could not import.

    Attributes
    ----------
    module
        The module's name.
    kind
        `import` or `syntax`, or `other` for any other exception.
    message
        The exception in words.
    unavailable
        The package that this machine lacks and the target does not, if that caused the exception.
    is_missing
        Whether there is no module `imported`. Otherwise, a name was missing in it.
    imported
        The module whose import failed, if the exception names one.
    imported_file
        Its file, if it has one.
    places
        The files and lines of the traceback. The last one raised the exception.
    """

    module: str
    kind: str
    message: str
    unavailable: str | None
    is_missing: bool
    imported: str | None
    imported_file: str | None
    places: list[tuple[str, int]]


def run_probe(asset: BuiltAsset, seconds: float) -> tuple[list[Failure], bool]:
    """Return the modules that could not be imported, and whether the probe got to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        home, work, results = (Path(scratch, name) for name in ("home", "work", "results"))
        home.mkdir()
        results.touch()
        names = [name for name, path in used_modules(asset.sources).items() if _is_probed(path)]
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
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return [Failure(**line) for line in lines if line], None in lines


def _is_probed(path: PurePosixPath) -> bool:
    """Return whether a module can be imported by name, and is none that makes clients."""
    is_named = all(part.isidentifier() for part in path.with_suffix("").parts)
    return is_named and path.name not in ("handler.py", "__main__.py")


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
