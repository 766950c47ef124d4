"""Imports point one way, and handlers stay thin: the project's layout."""

import ast
import sys
import tokenize
from pathlib import Path

import pytest

from destinations.chosen import MODULES

FUNCTIONS = Path(__file__).parents[2] / "functions"
FILES = sorted(FUNCTIONS.rglob("*.py"))
CHOSEN = FUNCTIONS / "destinations/chosen.py"
"""Imports the destinations that are set, and no others."""
LEDGER_TABLE = FUNCTIONS / "conversations/ledger_table.py"
"""Where the domain meets DynamoDB."""
HANDLERS = [file for file in FILES if file.name == "handler.py"]
OUTSIDE = {"app", "bench", "infra", "local", "ops", "tests"}
"""The project's folders that the deployed code knows nothing of."""

# What each part may import of the others: modules at the root stand alone and are for all.
ROOT = {file.stem for file in FUNCTIONS.glob("*.py")}
SHARED = ROOT | {"conversations", "destinations", "genesys"}
MAY_IMPORT: dict[str, set[str]] = {
    **{module: set() for module in ROOT},
    "conversations": ROOT,
    "destinations": ROOT | {"conversations"},
    "genesys": ROOT,
    # The functions themselves, which do not know each other.
    "worker": SHARED,
    "subscription": SHARED,
    "watchdog": SHARED,
}


def imports_of(source: str) -> set[str]:
    """Return the top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                found |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module, _, level):
                found.add("." * level if level else (module or "").partition(".")[0])
            case ast.Call(ast.Name("__import__") | ast.Attribute(attr="import_module"), args):
                found |= {
                    str(arg.value).partition(".")[0] if isinstance(arg, ast.Constant) else "?"
                    for arg in args
                }
    return found


def part_of(file: Path) -> str:
    return file.relative_to(FUNCTIONS).parts[0].removesuffix(".py")


def code_lines_of(file: Path) -> int:
    """Return the number of lines that hold code, docstrings and comments left out."""
    docstrings = {
        line
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    no_code = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING}
    no_code |= {tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    with file.open("rb") as source:
        lines = {
            line
            for token in tokenize.tokenize(source.readline)
            if token.type not in no_code
            for line in range(token.start[0], token.end[0] + 1)
        }
    return len(lines - docstrings)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FUNCTIONS)))
def test_imports_point_one_way(file: Path) -> None:
    imported = imports_of(file.read_text(encoding="utf-8"))
    part = part_of(file)
    assert not imported & OUTSIDE
    assert not {name for name in imported if name.startswith(".")}, "relative imports hide the part"
    if file != CHOSEN:
        assert "?" not in imported, "an import whose name is computed hides the part"
    assert imported & MAY_IMPORT.keys() <= MAY_IMPORT[part] | {part}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FUNCTIONS)))
def test_the_domain_knows_no_aws_but_the_ledgers_table(file: Path) -> None:
    if part_of(file) in ("conversations", "deadline") and file != LEDGER_TABLE:
        known = {"boto3", "botocore", "aws_lambda_powertools", "requests"}
        assert not imports_of(file.read_text(encoding="utf-8")) & known


def test_destinations_are_modules_of_their_part_and_all_can_be_chosen() -> None:
    modules = {FUNCTIONS / f"{module.replace('.', '/')}.py" for module in MODULES.values()}
    assert modules <= set(FILES)
    assert {part_of(module) for module in modules} == {"destinations"}


def test_everything_imported_is_ours_or_deployed() -> None:
    """boto3 comes with the runtime; type stubs are imported by type checkers alone."""
    pins = (FUNCTIONS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    deployed = {line.partition("==")[0].replace("-", "_") for line in pins if "==" in line}
    there = deployed | {"boto3", "botocore", "?"} | MAY_IMPORT.keys() | sys.stdlib_module_names
    imported = {name for file in FILES for name in imports_of(file.read_text(encoding="utf-8"))}
    assert {name for name in imported - there if not name.startswith("mypy_boto3_")} == set()


def test_there_is_a_handler_for_every_function() -> None:
    assert {part_of(handler) for handler in HANDLERS} >= {"worker", "subscription", "watchdog"}


@pytest.mark.parametrize("handler", HANDLERS, ids=part_of)
def test_handlers_are_thin(handler: Path) -> None:
    assert code_lines_of(handler) <= 40


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("import a.b, c", {"a", "c"}),
        ("from a.b import c", {"a"}),
        ("from . import c", {"."}),
        ("def f():\n    import infra", {"infra"}),
        ("if TYPE_CHECKING:\n    from local.x import y", {"local"}),
        ("importlib.import_module('ops.x')", {"ops"}),
        ("importlib.import_module(name)", {"?"}),
    ],
)
def test_no_import_is_overlooked(source: str, imported: set[str]) -> None:
    assert imports_of(source) == imported
