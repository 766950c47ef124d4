"""The project's layout: imports that point one way, and folders, files and handlers of a size."""

import ast
import functools
import graphlib
import re
import sys
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

from destinations.registry import MODULES

ROOT = Path(__file__).parents[2]
TREES = ("functions", "infra", "local", "ops", "bench", "tests")
"""The folders that hold Python files; some are yet to come."""
FILES = [ROOT / "app.py", *sorted(file for tree in TREES for file in (ROOT / tree).rglob("*.py"))]
FUNCTIONS = ROOT / "functions"
CHOOSING = (
    FUNCTIONS / "destinations/registry.py",
    ROOT / "infra/packaging/probe.py",
    ROOT / "bench/run_part.py",
    ROOT / "bench/cost/page.py",
)
"""The files that import what they are told to: the destinations that are set, or all modules."""
HANDLERS = [file for file in FILES if file.name == "handler.py"]


def modules_in(tree: str) -> set[str]:
    """Return the modules beside a tree's rooms; each is a room for itself."""
    return {file.stem for file in (ROOT / tree).glob("*.py")} - {"__init__"}


@functools.cache
def rooms_in(tree: str) -> set[str]:
    folders = {file.parent.name for file in (ROOT / tree).glob("*/*.py")}
    return folders | modules_in(tree)


# What each room may import of its tree. A module at the root of functions/ stands alone and is for
# all rooms there; one at the top of infra/ is a construct.
BASE = modules_in("functions")
DOMAIN = BASE | {"conversations"}
COMPOSING = {"queue_ends", "stack", "emulator", "synthesis"}
CONSTRUCTS = modules_in("infra") - COMPOSING
PARTS = {"settings", "function"} | CONSTRUCTS
# What the rooms of ops/ share, and what composes the command line.
FRAME = {"aws", "command", "deployed", "errors", "output", "stage_settings", "template"} | {
    "times",
    "words",
}
OF_OPS = rooms_in("ops") - {"cli", "__main__"}
ARROWS: dict[str, dict[str, set[str]]] = {
    "functions": {
        **{module: set() for module in BASE},
        "aws_calls": {"deadline", "private_network", "time_limit"},
        "aws_clients": {"aws_calls"},
        "logs": {"json_text"},
        "outside_text": {"json_text"},
        "secret_key": {"aws_calls"},
        "side_by_side": {"deadline"},
        "conversations": BASE,
        "dynamodb": DOMAIN,
        "destinations": DOMAIN,
        "genesys": BASE,
        "details": DOMAIN | {"genesys"},
        "intake": DOMAIN,
        "backfill": DOMAIN | {"details", "dynamodb", "genesys", "intake"},
        "resources": BASE | {"genesys"},
        # The functions themselves, which do not know each other.
        "worker": DOMAIN | {"destinations", "details", "dynamodb", "genesys", "intake"},
        "provisioner": BASE | {"genesys", "resources"},
        "watchdog": BASE | {"backfill", "details", "dynamodb", "genesys", "intake", "resources"},
    },
    "infra": {
        "settings": set(),
        "function": {"findings", "settings"},
        **dict.fromkeys(CONSTRUCTS, PARTS),
        "destinations": PARTS,
        "monitoring": PARTS,
        "delivery": {"monitoring"} | PARTS,
        "queue_ends": {"delivery", "destinations", "emulator", "monitoring", "packaging"} | PARTS,
        "stack": {"packaging", "queue_ends"} | PARTS,
        "deploy_policy": set(),
        "losses": set(),
        "supply_chain": {"packaging"},
        "packaging": set(),
        "emulator": set(),
        "synthesis": {"settings", "stack", "packaging", "queue_ends"},
    },
    "local": {
        "http": set(),
        "interruption": set(),
        "polling": set(),
        "traffic": set(),
        "aws": {"polling"},
        "genesys": {"aws", "http", "traffic"},
        "receivers": {"aws", "http"},
        "cloudwatch": {"aws"},
        "dashboard": {"aws"},
        # The runs, which do not know each other.
        "runs": {"aws", "genesys", "interruption", "polling", "receivers"},
        "demo": {"aws", "cloudwatch", "dashboard", "genesys"}
        | {"polling", "receivers", "runs", "traffic"},
        "chaos": {"aws", "genesys", "http", "polling", "receivers", "runs", "traffic"},
    },
    "ops": {
        "errors": set(),
        "output": set(),
        "aws": {"errors"},
        "deployed": {"aws", "errors"},
        "stage_settings": {"errors"},
        "template": {"deployed", "errors"},
        "command": {"aws", "deployed", "errors", "output"},
        "backfill": FRAME,
        "dead_letters": FRAME | {"logs", "stack"},
        "doctor": FRAME | {"stack"},
        "filter": FRAME,
        "times": set(),
        "words": set(),
        "logs": set(),
        "stack": {"aws", "deployed"},
        "status": FRAME | {"logs", "stack"},
        "ends": FRAME | {"logs", "stack"},
        "cli": OF_OPS,
        "__main__": {"cli"},
    },
    "bench": {
        "chart": {"contenders", "printed"},
        "part": set(),
        "machine": set(),
        "rounds": set(),
        "world": set(),
        "contenders": {"world"},
        "calls": {"contenders", "world"},
        "cost": {"part", "parts", "printed"},
        "emulated": {"contenders"},
        "parts": {"calls", "contenders", "emulated", "machine", "part", "rounds", "world"},
        "printed": {"part"},
        "run_part": {"part"},
        "__main__": {"chart", "machine", "part", "parts", "printed"},
    },
}
# What other trees may import of functions/: a name on which both sides must agree stands there.
OF_FUNCTIONS: dict[str, Collection[str]] = {
    "functions": (),
    "infra": ("conversations", "destinations", "genesys", "ledger_keys", "metrics"),
    "local": ARROWS["functions"],
    "ops": ARROWS["functions"],
    "bench": ARROWS["functions"],
}
# What a tree may import of others besides functions/. The command line reads the settings.
OF_OTHERS: dict[str, Collection[str]] = {
    "ops": ("infra/settings",),
    "bench": ("infra/packaging", *(f"local/{room}" for room in ARROWS["local"])),
}


@functools.cache
def imports_of(file: Path) -> set[str]:
    package = ".".join(file.relative_to(ROOT).parent.parts)
    found = imported_by(file.read_text(encoding="utf-8"))
    # infra/ imports itself relatively, as it has another name where it is installed.
    return {resolve_name(name, package) if file in files_in("infra") else name for name in found}


def imported_by(source: str) -> set[str]:
    """Return the modules that a source imports, wherever in it: `a.b` of `from a import b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module, names, level):
                start = "." * level + (f"{module}." if module else "")
                found |= {f"{start}{alias.name}" for alias in names}
            case ast.Call(ast.Name("__import__") | ast.Attribute(attr="import_module"), args):
                found |= {str(a.value) if isinstance(a, ast.Constant) else "?" for a in args[:1]}
    return found


@functools.cache
def files_in(tree: str) -> list[Path]:
    return [file for file in FILES if (ROOT / tree) in file.parents]


def tree_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0]


def room_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[1].removesuffix(".py")


def arrows_of(file: Path) -> Iterator[str]:
    """Yield the rooms that a file imports: of its own tree by name, of others as `tree/room`.

    An import that hides the room, as it is relative or its name is computed, is yielded as it is.
    """
    for module in imports_of(file):
        top, room, *_ = [*module.split("."), ""]
        if top in ARROWS["functions"]:
            top, room = "functions", top
        if top not in TREES:
            if top in ("", "app") or (top == "?" and file not in CHOOSING):
                yield module
        elif top != tree_of(file):
            yield f"{top}/{room}"
        elif room in rooms_in(top) - {room_of(file)}:
            yield room


@pytest.mark.parametrize("tree", ARROWS)
def test_every_room_is_in_the_plan(tree: str) -> None:
    assert rooms_in(tree) == ARROWS[tree].keys()


@pytest.mark.parametrize(
    ("tree", "room"), [(tree, room) for tree in ARROWS for room in sorted(ARROWS[tree])]
)
def test_a_room_imports_only_what_the_plan_allows(tree: str, room: str) -> None:
    allowed = ARROWS[tree][room] | {f"functions/{other}" for other in OF_FUNCTIONS[tree]}
    allowed |= {*OF_OTHERS.get(tree, ())}
    wrong = {
        str(file.relative_to(ROOT)): sorted({*arrows_of(file)} - allowed)
        for file in files_in(tree)
        if room_of(file) == room
    }
    assert {file: arrows for file, arrows in wrong.items() if arrows} == {}


@pytest.mark.parametrize("tree", ARROWS)
def test_rooms_import_in_no_circle(tree: str) -> None:
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for file in files_in(tree):
        graph[room_of(file)] |= {arrow for arrow in arrows_of(file) if "/" not in arrow}
    graphlib.TopologicalSorter(graph).prepare()


def test_the_domain_imports_no_library_of_aws() -> None:
    known = {"boto3", "botocore", "mypy_boto3_dynamodb", "aws_lambda_powertools", "requests"}
    wrong = {
        file.name: found
        for file in files_in("functions")
        if room_of(file) in ("conversations", "deadline")
        if (found := {name.partition(".")[0] for name in imports_of(file)} & known)
    }
    assert wrong == {}


def test_the_domain_holds_no_partiql_and_no_typed_values() -> None:
    found = {
        file.name: dynamodb_in(file.read_text(encoding="utf-8"))
        for file in files_in("functions")
        if room_of(file) == "conversations"
    }
    assert {name: texts for name, texts in found.items() if texts} == {}


def dynamodb_in(source: str) -> set[str]:
    """Return the PartiQL in a source, prose included, and its texts that are a type of values."""
    types = {"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"}
    texts = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return texts & types | {*re.findall(r"\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|SET)\b", source)}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("text = f'UPDATE \"{table}\"'", {"UPDATE"}),
        ('value = {"S": text}', {"S"}),
        ('number = int(item["N"])', {"N"}),
        ('"""A set of ends, updated where they differ."""', set()),
    ],
)
def test_no_partiql_and_no_typed_value_is_overlooked(source: str, found: set[str]) -> None:
    assert dynamodb_in(source) == found


def test_only_the_registry_of_resources_knows_which_delivery_it_is() -> None:
    """A third delivery is one file beside the others, and a line in the registry."""
    deliveries = {"integration", "integration_comparison", "integration_hint"}
    deliveries |= {"source_active", "subscription"}
    knowing = {f"resources.{module}" for module in deliveries} | {"genesys.integration_spec"}
    knowing |= {"genesys.integrations", "genesys.subscriptions"}
    seam = {FUNCTIONS / f"resources/{module}.py" for module in (*deliveries, "registry")}
    wrong = {
        str(file.relative_to(FUNCTIONS)): found
        for file in {*files_in("functions")} - seam
        if room_of(file) != "genesys"
        if (found := {name for name in imports_of(file) if name.startswith(tuple(knowing))})
    }
    assert wrong == {}


def test_only_the_registry_of_resources_names_their_types() -> None:
    named = [
        file.name
        for file in files_in("functions")
        if '"Custom::' in file.read_text(encoding="utf-8")
    ]
    assert named == ["registry.py"]


def test_all_destinations_that_can_be_chosen_are_modules_of_their_room() -> None:
    modules = {FUNCTIONS / f"{module.replace('.', '/')}.py" for module in MODULES.values()}
    assert modules <= set(FILES)
    assert {room_of(module) for module in modules} == {"destinations"}


def test_everything_that_functions_import_is_ours_or_deployed() -> None:
    """boto3 comes with the runtime; type stubs are imported by type checkers alone."""
    pins = (FUNCTIONS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    deployed = {line.partition("==")[0].replace("-", "_") for line in pins if "==" in line}
    there = deployed | {"boto3", "botocore", "?"} | ARROWS["functions"].keys()
    imported = {
        name.partition(".")[0] for file in files_in("functions") for name in imports_of(file)
    }
    ours = imported - there - sys.stdlib_module_names
    assert {name for name in ours if not name.startswith("mypy_boto3_")} == set()


def test_all_of_aws_cdk_that_is_used_is_type_checked() -> None:
    """What mypy does not follow is `Any` to it, without a word."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    followed = {
        module
        for override in settings["overrides"]
        if override.get("follow_imports") == "normal"
        for module in override["module"]
    }
    used = {".".join(name.split(".")[:2]) for file in FILES for name in imports_of(file)}
    modules = {name for name in used if re.fullmatch(r"aws_cdk\.[a-z0-9_]+", name)}
    assert modules
    assert modules <= followed


def test_infra_never_names_itself() -> None:
    """Its package is called `queue_ends` where it is installed."""
    wrong = {
        str(file.relative_to(ROOT)): found
        for file in files_in("infra")
        if (
            found := {
                name
                for name in imported_by(file.read_text(encoding="utf-8"))
                if name.partition(".")[0] == "infra"
            }
        )
    }
    assert wrong == {}


def test_every_function_has_a_handler() -> None:
    assert {room_of(handler) for handler in HANDLERS} >= {"worker", "provisioner", "watchdog"}


@pytest.mark.parametrize("handler", HANDLERS, ids=room_of)
def test_a_handler_has_at_most_40_lines_of_code(handler: Path) -> None:
    assert code_lines_of(handler) <= 40


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


def test_no_folder_holds_more_than_14_python_files() -> None:
    sizes = Counter(str(file.parent.relative_to(ROOT)) for file in FILES)
    assert {folder: size for folder, size in sizes.items() if size > 14} == {}


def test_no_file_outside_the_tests_has_more_than_300_lines() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in {*FILES} - {*files_in("tests")}
    }
    assert {file: length for file, length in lengths.items() if length > 300} == {}


def test_no_two_tests_have_the_same_name() -> None:
    names = Counter(
        name
        for file in files_in("tests")
        for name in re.findall(r"^ *def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("tree", ["functions", "infra", "local", "ops", "bench"])
def test_every_room_says_in_one_line_what_it_is(tree: str) -> None:
    folders = {file.parent for file in files_in(tree)} - {FUNCTIONS}
    said = {}
    for folder in folders:
        file = folder / "__init__.py"
        source = file.read_text(encoding="utf-8") if file.exists() else ""
        said[str(folder.relative_to(ROOT))] = ast.get_docstring(ast.parse(source)) or ""
    assert [room for room, text in said.items() if not re.fullmatch(r"[^\n]+\.", text)] == []


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("import a.b, c", {"a.b", "c"}),
        ("from a.b import c, d", {"a.b.c", "a.b.d"}),
        ("from . import c", {".c"}),
        ("from .a import c", {".a.c"}),
        ("def f():\n    import infra", {"infra"}),
        ("if TYPE_CHECKING:\n    from local.x import y", {"local.x.y"}),
        ("importlib.import_module('ops.x')", {"ops.x"}),
        ("importlib.import_module(name)", {"?"}),
    ],
)
def test_no_import_is_overlooked(source: str, imported: set[str]) -> None:
    assert imported_by(source) == imported
