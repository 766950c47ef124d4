"""The bill of materials: what is in the asset, as CycloneDX has it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.packaging import Target, build_asset
from infra.supply_chain.__main__ import write_bill
from infra.supply_chain.bill_of_materials import make_bill
from tests.unit.infra.supply_chain.conftest import ROOT

RUNTIME = {"runtime": "python3.14", "architecture": "arm64"}


def read_bill(text: str) -> dict[str, Any]:
    """Return a bill that is valid."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill: dict[str, Any] = json.loads(text)
    return bill


def test_the_bill_names_our_code_and_each_package_in_the_asset(template: Path) -> None:
    file = template.parent / "sbom" / "bill.json"
    assert write_bill(template, file) is None

    bill = read_bill(file.read_text())
    ours = bill["metadata"]["component"]
    assert (ours["name"], ours["licenses"][0]["license"]["id"]) == ("queue-ends", "Apache-2.0")
    assert {it["name"]: it["value"] for it in ours["properties"]} == {
        "queue-ends:asset": "0a1b",
        "queue-ends:runtime": "python3.14",
        "queue-ends:architecture": "arm64",
    }
    assert [
        (it["purl"], it["version"], it["licenses"][0]["license"]["id"]) for it in bill["components"]
    ] == [
        ("pkg:pypi/own-package@1.0", "1.0", "Apache-2.0"),
        ("pkg:pypi/urllib3@9.8", "9.8", "MIT"),
    ]


def test_a_template_without_functions_has_no_bill(tmp_path: Path) -> None:
    template = tmp_path / "QueueEnds-dev.template.json"
    template.write_text('{"Resources": {}}')
    assert "has no Lambda function with an asset" in (write_bill(template, tmp_path / "b") or "")
    assert not (tmp_path / "b").exists()


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    """Return the bill of the project's own asset for Lambda."""
    asset = build_asset(ROOT / "functions", Target("lambda"), ROOT / "build")
    return read_bill(make_bill(asset.folder, RUNTIME))


def test_the_bill_of_the_deployed_asset_has_the_pinned_versions_and_hashes(
    bill: dict[str, Any],
) -> None:
    pins = (ROOT / "functions/requirements.txt").read_text()
    pinned = {
        f"pkg:pypi/{name}@{version}": {*re.findall(r"sha256:(\w+)", hashes)}
        for name, version, hashes in re.findall(
            r"^([\w.-]+)==(\S+) \\\n((?: +--hash=.+\n)+)", pins, re.MULTILINE
        )
    }
    components = {it["purl"]: it for it in bill["components"]}
    assert components.keys() == pinned.keys()
    for purl, component in components.items():
        assert component["hashes"][0]["content"] in pinned[purl]
