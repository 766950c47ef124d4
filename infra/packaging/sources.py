"""The source files in the asset: the functions', with the user's actions among them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import PackagingError

PINS_FILE = "requirements.txt"
ACTIONS_FILE = "actions.py"
ACTIONS_ROOM = PurePosixPath("destinations")
# The names of the source files and folders that the asset leaves out.
_EXCLUDED_NAMES = {"__pycache__", "bin", "tests", PINS_FILE, "requirements.in"}


@dataclass(frozen=True, slots=True)
class Source:
    """A source file: where it is on this machine, and its content."""

    file: Path
    content: bytes


Sources = Mapping[PurePosixPath, Source]
"""Source files by their paths in the asset, sorted."""


def read_sources(functions: Path, actions: Path, build_folder: Path) -> Sources:
    """Return all source files to pack.

    Each file is read only once, so that the asset's hash matches its content even if a file is
    saved during the build.

    Parameters
    ----------
    functions
        The folder of the functions' sources.
    actions
        The folder of the user's actions. Its files are packed beside the destinations' modules, and
        its `actions.py` replaces the example.
    build_folder
        The folder for the builds, which must not be among the sources.

    Raises
    ------
    PackagingError
        If the actions' folder has no `actions.py` with the function that the worker calls, or a
        file with the name of one of ours.
    """
    sources = _read(functions)
    if actions.resolve() != (functions / ACTIONS_ROOM).resolve():
        if not (actions / ACTIONS_FILE).is_file():
            raise PackagingError(
                f"Queue Ends: there is no {actions / ACTIONS_FILE}. `actions_path` names the "
                f"folder of your actions, which holds an {ACTIONS_FILE} like "
                f"{functions / ACTIONS_ROOM / ACTIONS_FILE}."
            )
        if build_folder.resolve().is_relative_to(actions.resolve()):
            raise PackagingError(
                f"Queue Ends: {actions} contains {build_folder}. `actions_path` must name a folder "
                "that holds nothing but your actions, because all its files are packed."
            )
        sources |= {ACTIONS_ROOM / path: it for path, it in _users_sources(sources, actions)}
        # A star may import any name.
        code = sources[ACTIONS_ROOM / ACTIONS_FILE].content
        if not re.search(rb"\bon_conversation_end\b|import \*", code):
            raise PackagingError(
                f"Queue Ends: {actions / ACTIONS_FILE} has no function `on_conversation_end`, "
                "which the worker calls for each end."
            )
    return dict(sorted(sources.items()))


def _users_sources(ours: Sources, actions: Path) -> list[tuple[PurePosixPath, Source]]:
    """Return the user's files, by their paths in the actions' folder."""
    found = [(path, it) for path, it in _read(actions).items() if not _is_empty_package(path, it)]
    taken = {
        path.relative_to(ACTIONS_ROOM).parts[0] for path in ours if ACTIONS_ROOM in path.parents
    }
    names = {_module_name(name) for name in taken - {ACTIONS_FILE}}
    # Python prefers a package `actions` to the module actions.py.
    wrong = sorted(
        {
            path.parts[0]
            for path, _ in found
            if _module_name(path.parts[0]) in names or path == PurePosixPath("actions/__init__.py")
        }
    )
    if wrong:
        raise PackagingError(
            f"Queue Ends: {actions} holds {', '.join(wrong)}. A module in functions/destinations, "
            "beside which your files are packed, has this name already. Rename yours."
        )
    return found


def _read(folder: Path) -> dict[PurePosixPath, Source]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {
        path: Source(file, file.read_bytes())
        for file in files
        if _is_packed(path := PurePosixPath(file.relative_to(folder).as_posix()))
    }


def _is_packed(path: PurePosixPath) -> bool:
    return not any(part in _EXCLUDED_NAMES or part.startswith(".") for part in path.parts)


def _module_name(name: str) -> str:
    return name.removesuffix(".py")


def _is_empty_package(path: PurePosixPath, source: Source) -> bool:
    """Return whether a file is an `__init__.py` of the actions' folder that has no code."""
    if path != PurePosixPath("__init__.py"):
        return False
    try:
        statements = ast.parse(source.content).body
    except SyntaxError:
        return False
    return all(isinstance(it, ast.Expr) and isinstance(it.value, ast.Constant) for it in statements)
