"""The audit of all packages: only an answer for each of them counts."""

import json
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from infra.supply_chain.__main__ import audit
from infra.supply_chain.advisories import audit_node, audit_python, read_pins
from tests.unit.infra.supply_chain.tools import KNOWN, REFUSED, UNREACHABLE, Tools

PIP_AUDIT = Path("pip-audit")
PACKAGES = {"requests": "2.34.2", "msgspec": "0.22.0"}


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    """Return a lock with two versions of one package."""
    packages = {"": {}, "node_modules/a": {"version": "1.0"}}
    packages["node_modules/b/node_modules/a"] = {"version": "2.0"}
    file = tmp_path / "package-lock.json"
    file.write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    return file


def test_packages_without_a_known_vulnerability_are_clean(lock_file: Path) -> None:
    tools = Tools()
    assert audit_python(PIP_AUDIT, PACKAGES, tools).is_clean
    assert audit_node(lock_file, tools).is_clean
    assert {"requests 2.34.2", "msgspec 0.22.0"} < {*tools.asked}


def test_a_vulnerable_python_package_is_named_with_the_version_that_repairs_it() -> None:
    found = audit_python(PIP_AUDIT, PACKAGES, Tools(KNOWN | {"requests 2.34.2": "PYSEC-1"}))
    assert found.findings == ["requests 2.34.2: PYSEC-1, repaired in 9.9"]
    assert not found.is_clean
    assert not found.unanswered


def test_a_vulnerable_node_package_is_named_with_what_is_wrong(lock_file: Path) -> None:
    found = audit_node(lock_file, Tools(KNOWN | {"a 2.0": "Traversal"}))
    assert found.findings == ["a: critical, Traversal; through another"]


def test_a_package_that_pip_audit_skips_is_not_clean() -> None:
    found = audit_python(PIP_AUDIT, PACKAGES, Tools(skipped=frozenset({"msgspec"})))
    assert not found.is_clean
    assert found.unanswered.keys() == {"msgspec"}
    assert "could not be audited: msgspec (0.22.0)" in found.unanswered["msgspec"]


def test_a_mirror_that_knows_no_vulnerability_at_all_is_not_believed(lock_file: Path) -> None:
    for found in (
        audit_python(PIP_AUDIT, PACKAGES, Tools(known={})),
        audit_node(lock_file, Tools(known={})),
    ):
        assert found.unanswered.keys() == found.packages.keys()
        assert "does not know that" in next(iter(found.unanswered.values()))


def test_sources_that_cannot_be_reached_leave_every_package_unanswered(lock_file: Path) -> None:
    tools = Tools(are_reachable=False)
    of_python, of_node = audit_python(PIP_AUDIT, PACKAGES, tools), audit_node(lock_file, tools)
    assert of_python.unanswered == dict.fromkeys(PACKAGES, UNREACHABLE)
    assert {*of_node.unanswered.values()} == {REFUSED}


@pytest.mark.parametrize(
    "answer",
    [
        "<html>Sign in</html>",
        "[]",
        "null",
        '{"dependencies": [5], "vulnerabilities": []}',
        '{"dependencies": [{"name": "urllib3", "version": "1", "vulns": null}]}',
        '{"vulnerabilities": {}, "metadata": {"dependencies": {"total": "9"}}}',
        '{"vulnerabilities": {"minimist": {"severity": "low", "via": 5}}}',
    ],
)
def test_an_odd_answer_is_no_answer(answer: str, lock_file: Path) -> None:
    def run(command: Sequence[str], _: Path) -> CompletedProcess[str]:
        return CompletedProcess(command, 0, answer, "")

    for found in (audit_python(PIP_AUDIT, PACKAGES, run), audit_node(lock_file, run)):
        assert found.unanswered.keys() == found.packages.keys()


def test_npm_is_asked_about_the_known_vulnerability_at_the_projects_own_registry(
    lock_file: Path,
) -> None:
    lock_file.with_name(".npmrc").write_text("registry=https://mirror.example.com/\n")
    tools, configurations = Tools(), []

    def run(command: Sequence[str], folder: Path) -> CompletedProcess[str]:
        configurations.append((folder / ".npmrc").read_text())
        return tools(command, folder)

    assert audit_node(lock_file, run).is_clean
    assert configurations == ["registry=https://mirror.example.com/\n"] * 2


def test_packages_that_npm_leaves_out_are_not_clean(lock_file: Path) -> None:
    found = audit_node(lock_file, Tools(omits_dev=True))
    assert {*found.unanswered.values()} == {"npm answered for 0 of 2 packages"}


def test_packages_for_other_python_versions_are_audited_too(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# head\nPkg.One[extra]==1.0 \\\n    --hash=sha256:ab\n"
        "two==2.0 ; python_version < '3' \\\n    --hash=sha256:cd\n    # via three==3\n"
    )
    assert read_pins(file) == {"pkg-one": "1.0", "two": "2.0"}


def test_a_package_of_the_users_own_is_left_out_if_it_is_named(template: Path) -> None:
    tools = Tools(skipped=frozenset({"own-package"}))
    assert audit(template, PIP_AUDIT, tools)
    assert audit(template, PIP_AUDIT, tools, private=["own-package"]) is None


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        pytest.param(Tools(), None, id="clean"),
        pytest.param(Tools(KNOWN | {"urllib3 9.8": "PYSEC-2"}), "known vulnerab", id="vulnerable"),
        pytest.param(Tools(skipped=frozenset({"ruff"})), "no answer for some", id="skipped"),
        pytest.param(Tools(are_reachable=False), "no answer for some", id="no network"),
    ],
)
def test_an_audit_covers_the_asset_and_all_pins_and_says_how_it_ended(
    tools: Tools, message: str | None, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = audit(template, PIP_AUDIT, tools)

    printed = capsys.readouterr().out
    assert (message in (ended or "")) if message else ended is None
    for name in ("the asset", "requirements-dev.txt", "requirements-tools.txt"):
        assert f"{name}: " in printed
    assert "package-lock.json: " in printed
    assert ("no known vulnerability in" in printed) is tools.are_reachable
    # It is only in the asset, which may hold packages of the user's.
    assert ("urllib3 9.8" in tools.asked) is tools.are_reachable
