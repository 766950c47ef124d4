"""The modules among an asset's source files, and what they import, read without running them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path, PurePosixPath

from .sources import ACTIONS_FILE, ACTIONS_ROOM, Sources
from .target import Target

RUNTIME_MODULES = frozenset(
    {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
)
"""The modules that Lambda's Python runtimes hold besides the standard library."""

# The changes of the standard library from 3.11 on ("What's New in Python 3.12", "3.13", "3.14").
_REMOVED = {
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (3, 13): (
        "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev "
        "pipes sndhdr spwd sunau telnetlib uu xdrlib"
    ),
}
_ADDED = {(3, 14): "annotationlib compression"}
# An import under a condition on one of these may be for another Python, or for no Python at all, or
# is of a package that need not be there.
_CONDITIONS = {
    "TYPE_CHECKING",
    "find_spec",
    "hexversion",
    "implementation",
    "platform",
    "suppress",
    "version_info",
}


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement: its line, the absolute name of its module, and the imported names."""

    line: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a source file."""

    path: PurePosixPath
    line: int


def removed_modules(target: Target) -> set[str]:
    """Return the modules of older standard libraries that the target's does not have."""
    return _names_up_to(target.version, _REMOVED)


def standard_modules(target: Target) -> set[str]:
    """Return the modules of the target's standard library, as far as this Python knows them."""
    newest = (sys.maxsize, 0)
    ever = {*sys.stdlib_module_names} | _names_up_to(newest, _REMOVED)
    unchanged = ever - _names_up_to(newest, _ADDED) - removed_modules(target)
    return unchanged | _names_up_to(target.version, _ADDED)


def used_modules(sources: Sources) -> dict[str, PurePosixPath]:
    """Return the modules that the functions use, by name, with their paths in the asset.

    These are all modules outside of `destinations/`, and those there that others lead to. Scripts
    that somebody keeps beside the actions are none of them.
    """
    modules = {_module_name(path): path for path in sources if path.suffix == ".py"}
    todo = [name for name, path in modules.items() if ACTIONS_ROOM not in path.parents]
    todo += [name for name, path in modules.items() if path == ACTIONS_ROOM / ACTIONS_FILE]
    used: dict[str, PurePosixPath] = {}
    while todo:
        name = todo.pop()
        if name in modules and name not in used:
            used[name] = modules[name]
            todo += _mentioned_in(sources[modules[name]].content, modules[name])
    return dict(sorted(used.items()))


def missing_imports(
    sources: Sources, asset_folder: Path, target: Target
) -> Iterator[tuple[Place, str]]:
    """Yield the modules that are imported anywhere in a used module, but are not in the asset.

    An import in a `try` statement with an `except`, or in `suppress`, may fail, and one under a
    condition on the Python version or the platform may be for another one.
    """
    packed = {path.name.partition(".")[0] for path in asset_folder.iterdir()}
    there = packed | standard_modules(target) | RUNTIME_MODULES | {"__future__"}
    ours = {path.parts[0].removesuffix(".py") for path in sources}
    for path in used_modules(sources).values():
        tree = _parse(sources[path].content)
        for found in _certain_imports(tree, _package_of(path)) if tree else ():
            top = found.module.partition(".")[0]
            known = _is_source(sources, found.module) if top in ours else top in there
            if not known:
                yield Place(path, found.line), found.module


def is_unconditional_import(source: bytes, line: int) -> bool:
    """Return whether a line belongs to an import statement that every Python runs."""
    tree = _parse(source)
    statements = tree.body if tree else []
    return any(
        isinstance(statement, ast.Import | ast.ImportFrom)
        and statement.lineno <= line <= (statement.end_lineno or statement.lineno)
        for statement in statements
    )


def _names_up_to(version: tuple[int, int], changes: dict[tuple[int, int], str]) -> set[str]:
    return {name for since, names in changes.items() if since <= version for name in names.split()}


def _parse(source: bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):  # the probe reports it
        return None


def _module_name(path: PurePosixPath) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _package_of(path: PurePosixPath) -> str:
    return ".".join(path.parent.parts)


def _is_source(sources: Sources, module: str) -> bool:
    path = PurePosixPath(*module.split("."))
    return path.with_suffix(".py") in sources or any(path in source.parents for source in sources)


def _mentioned_in(source: bytes, path: PurePosixPath) -> Iterator[str]:
    """Yield all that a module could import: also the texts in it, as the registry has them."""
    for node in ast.walk(_parse(source) or ast.Module([], [])):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        for found in _imports_in(node, _package_of(path)):
            parts = found.module.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
            yield from (f"{found.module}.{name}" for name in found.names)


def _imports_in(node: ast.AST, package: str) -> Iterator[Import]:
    match node:
        case ast.Import(names):
            yield from (Import(node.lineno, alias.name) for alias in names)
        case ast.ImportFrom(module, names, level):
            name = f"{'.' * level}{module or ''}"
            try:
                absolute = resolve_name(name, package) if level else name
            except ImportError:  # it goes beyond the asset
                absolute = name
            yield Import(node.lineno, absolute, tuple(alias.name for alias in names))


def _certain_imports(node: ast.AST, package: str) -> Iterator[Import]:
    match node:
        case ast.Try(handlers=handlers) if handlers:
            parts: list[ast.stmt | ast.ExceptHandler] = [*node.orelse, *node.finalbody]
        case ast.If(test) if _CONDITIONS & {*_identifiers(test)}:
            parts = []
        case ast.With(items) if any(_CONDITIONS & {*_identifiers(it)} for it in items):
            parts = []
        case _:
            yield from _imports_in(node, package)
            parts = list(ast.iter_child_nodes(node))  # type: ignore[arg-type]
    for part in parts:
        yield from _certain_imports(part, package)


def _identifiers(test: ast.AST) -> Iterator[str]:
    for node in ast.walk(test):
        match node:
            case ast.Name(name) | ast.Attribute(attr=name):
                yield name
