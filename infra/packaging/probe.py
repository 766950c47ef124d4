"""Imports an asset's modules, as a program of its own: `python -I -S probe.py <what to import>`.

It gets its input as a JSON file and appends a line of JSON to the file `results` for each module
that it could not import, then a line `null`. It runs without Queue Ends and its packages on the
path.
"""

import errno
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir")


class Unavailable(ImportError):
    """A package that the target has or will have, and that this machine lacks."""


class HostFinder(MetaPathFinder):
    """Finds packages among those of this machine."""

    def __init__(self, names: Sequence[str], paths: Sequence[str]) -> None:
        self._names, self._paths = frozenset(names), paths

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a package with one of the names; other finders find its modules."""
        if name not in self._names:
            return None
        spec = PathFinder.find_spec(name, self._paths)
        if spec is None:
            raise Unavailable(f"this machine has no {name}", name=name)
        return spec


class RemovedFinder(MetaPathFinder):
    """Hides modules of the standard library that the target's Python no longer has."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise the error that the target's Python would raise."""
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(work: dict[str, Any]) -> None:
    """Import the modules, and write down which ones failed."""
    sys.addaudithook(_refuse_calls)
    sys.addaudithook(_refuse_writes_in(work["asset"]))
    sys.path.insert(0, work["asset"])
    sys.meta_path.insert(0, RemovedFinder(work["removed"]))
    sys.meta_path.insert(0, HostFinder(work["foreign"], work["host_paths"]))
    sys.meta_path.append(HostFinder(work["runtime"], work["host_paths"]))
    with Path(work["results"]).open("a", encoding="utf-8") as results:
        for module in work["modules"]:
            try:
                importlib.import_module(module)
            except BaseException as error:  # noqa: BLE001 - a user's module can raise anything
                results.write(json.dumps(_description(module, error)) + "\n")
                results.flush()
        results.write("null\n")
    os._exit(0)  # whatever threads the modules have started


def _refuse_calls(event: str, _: object) -> None:
    """Keep modules that call the network when they are imported from doing so at build time."""
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise ConnectionRefusedError("Queue Ends imports modules without a network")


def _refuse_writes_in(folder: str) -> Callable[[str, tuple[Any, ...]], None]:
    """Return a hook that keeps modules from changing the asset; Lambda's is read-only."""

    def refuse(event: str, values: tuple[Any, ...]) -> None:
        # `open` comes with a path or a number, a mode and flags; the others begin with a path.
        writes = values[2] & (os.O_WRONLY | os.O_RDWR) if event == "open" else event in _CHANGES
        if writes and not isinstance(values[0], int):
            path = Path(os.fsdecode(values[0]))
            if path.absolute().is_relative_to(folder):
                raise OSError(errno.EROFS, "Lambda has a read-only file system", str(path))

    return refuse


def _description(module: str, error: BaseException) -> dict[str, Any]:
    places = []
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__ and not file.startswith("<frozen importlib"):
            places.append((file, trace.tb_lineno))
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno or 1))
    return {
        "module": module,
        "kind": _kind(error),
        "message": f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        "unavailable": _unavailable_package(error),
        "is_missing": isinstance(error, ModuleNotFoundError),
        "imported": error.name if isinstance(error, ImportError) else None,
        "imported_file": error.path if isinstance(error, ImportError) else None,
        "places": places,
    }


def _unavailable_package(error: BaseException) -> str | None:
    """Return the name of the package that this machine lacks, if that caused the error."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, Unavailable):
            return cause.name
        cause = cause.__cause__ or cause.__context__
    return None


def _kind(error: BaseException) -> str:
    """Return `import` or `syntax` if an asset can be at fault for an error, else `other`."""
    if isinstance(error, SyntaxError):
        return "syntax"
    return "import" if isinstance(error, ImportError) else "other"


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
