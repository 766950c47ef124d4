"""NOTICE, and the licences of the packages that are deployed."""

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from infra.packaging import Target, build_asset
from infra.packaging.requirements import installed_packages
from infra.supply_chain.licences import licence_files, licence_of, render_notice
from tests.unit.infra.supply_chain.conftest import ROOT, write_package


@pytest.fixture(scope="module")
def deployed() -> Path:
    """Return the project's own asset for Lambda."""
    return build_asset(ROOT / "functions", Target("lambda"), ROOT / "build").folder


def test_the_notice_lists_the_licence_of_each_deployed_package(deployed: Path) -> None:
    assert (ROOT / "NOTICE").read_text() == render_notice(deployed), (
        "A package or its licence has changed. Read the licence, and run "
        "`.venv/bin/python -m infra.supply_chain notice`."
    )


def test_the_text_of_each_licence_is_deployed_with_the_package(deployed: Path) -> None:
    packages = installed_packages([deployed])
    assert len(packages) > 5
    for name, package in packages.items():
        files = licence_files(package)
        assert files, f"{name} comes without the text of its licence"
        for file in files:
            assert list(deployed.glob(f"*.dist-info/**/{file}"))


def test_another_licence_or_package_changes_the_notice(tmp_path: Path) -> None:
    write_package(tmp_path, "alpha", "1.0", "License-Expression: MIT")
    before = render_notice(tmp_path)
    write_package(tmp_path, "alpha", "1.0", "License-Expression: GPL-3.0-only")
    changed = render_notice(tmp_path)
    write_package(tmp_path, "beta", "1.0", "License: MIT")

    assert before.endswith("\nalpha  MIT\n")
    assert changed.endswith("\nalpha  GPL-3.0-only\n")
    assert render_notice(tmp_path).endswith("\nalpha  GPL-3.0-only\nbeta   MIT\n")


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: MIT", "License: other"], "MIT"),
        (["License: MPL-2.0"], "MPL-2.0"),
        (["License: A whole", " text"], "unknown"),
        (["Classifier: License :: OSI Approved :: MIT License"], "MIT License"),
        ([], "unknown"),
    ],
)
def test_a_licence_is_read_from_wherever_packages_declare_it(
    lines: list[str], licence: str, tmp_path: Path
) -> None:
    assert licence_of(Distribution.at(write_package(tmp_path, "alpha", "1.0", *lines))) == licence
