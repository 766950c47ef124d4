"""The pins: complete, hashed, and the same wherever a package is pinned twice."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # cfn-lint brings it, without types

ROOT = Path(__file__).parents[2]
# Each list holds the packages of the one before it.
LISTS = ["functions/requirements", "requirements", "requirements-dev"]
# These packages are installed apart, but not in other versions.
TOOLS = "requirements-tools"


def pins_of(name: str) -> dict[str, str]:
    """Return version and marker of each package that a list pins, by name."""
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]+\])?==(.+?) \\$", text, re.MULTILINE))


@pytest.mark.parametrize("name", [*LISTS, TOOLS])
def test_every_package_is_pinned_to_hashes_and_nothing_else(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]

    assert len(lines) == len(pins_of(name)) > 5
    for line in lines:
        assert re.fullmatch(r"[^ ]+==[^ ]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+", line), line


@pytest.mark.parametrize("name", [*LISTS, TOOLS])
def test_every_package_that_a_list_names_is_pinned(name: str) -> None:
    text = (ROOT / f"{name}.in").read_text(encoding="utf-8")
    named = {word.lower() for word in re.findall(r"^(\w[\w.-]*)", text, re.MULTILINE)}

    assert named
    assert named - pins_of(name).keys() == set(), "run `make lock`"


@pytest.mark.parametrize(("smaller", "larger"), [LISTS[:2], LISTS[1:]])
def test_a_package_has_one_version_in_all_lists(smaller: str, larger: str) -> None:
    assert pins_of(smaller).items() <= pins_of(larger).items()


def test_the_tools_use_the_versions_that_the_project_uses() -> None:
    project, tools = pins_of(LISTS[-1]), pins_of(TOOLS)
    shared = project.keys() & tools.keys()
    assert shared
    for name in shared:
        assert tools[name].partition(" ")[0] == project[name].partition(" ")[0], name


def test_pip_installs_nothing_that_is_not_pinned_to_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"/pip (?:install|wheel) (.+)", makefile)
    assert len(commands) > 3
    for options in commands:
        (file,) = re.findall(r"-r (\S+)\.txt", options) or [None]
        assert file in [*LISTS, TOOLS] or "--no-deps" in options, options
    assert re.findall(r"\bnpm (?:ci|i|install)\b", makefile) == ["npm ci"]


def test_the_build_backend_is_the_pinned_one() -> None:
    """It builds the package without an environment of its own, in which pip would install it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (backend,) = project["build-system"]["requires"]
    assert backend == f"hatchling=={pins_of(LISTS[-1])['hatchling']}"


@pytest.mark.parametrize(
    "workflow",
    [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/github-actions/*.yml")],
    ids=lambda file: file.name,
)
def test_workflows_pin_each_action_to_a_commit_and_may_write_nothing(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    actions = re.findall(r"uses: (.+)", text)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action), action
    parsed = yaml.safe_load(text)
    granted = [
        parsed["permissions"],
        *(job.get("permissions", {}) for job in parsed["jobs"].values()),
    ]
    # The token is one for AWS.
    writable = {name for them in granted for name, how in them.items() if how != "read"}
    assert writable <= {"id-token"}


def test_the_functions_packages_need_no_markers() -> None:
    """For the Lambda asset pip would evaluate them for the Python that it runs on."""
    assert [pin for pin in pins_of("functions/requirements").values() if ";" in pin] == []
