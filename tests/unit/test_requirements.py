"""The pins: complete, hashed, and the same wherever a package is pinned twice."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each list holds the packages of the one before it.
LISTS = ["functions/requirements", "requirements", "requirements-dev"]


def pins_of(name: str) -> dict[str, str]:
    """Return version and marker of each package that a list pins, by name."""
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]+\])?==(.+?) \\$", text, re.MULTILINE))


@pytest.mark.parametrize("name", LISTS)
def test_every_package_is_pinned_to_hashes_and_nothing_else(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]

    assert len(lines) == len(pins_of(name)) > 5
    for line in lines:
        assert re.fullmatch(r"[^ ]+==[^ ]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+", line), line


@pytest.mark.parametrize("name", LISTS)
def test_every_package_that_a_list_names_is_pinned(name: str) -> None:
    text = (ROOT / f"{name}.in").read_text(encoding="utf-8")
    named = {word.lower() for word in re.findall(r"^(\w[\w.-]*)", text, re.MULTILINE)}

    assert named
    assert named - pins_of(name).keys() == set(), "run `make lock`"


@pytest.mark.parametrize(("smaller", "larger"), [LISTS[:2], LISTS[1:]])
def test_a_package_has_one_version_in_all_lists(smaller: str, larger: str) -> None:
    assert pins_of(smaller).items() <= pins_of(larger).items()


def test_the_functions_packages_need_no_markers() -> None:
    """For the Lambda asset pip would evaluate them for the Python that it runs on."""
    assert [pin for pin in pins_of("functions/requirements").values() if ";" in pin] == []
