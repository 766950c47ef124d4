"""A synthesised template with a small asset beside it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a template whose functions' asset holds two packages; work in the project's folder."""
    monkeypatch.chdir(ROOT)
    write_package(tmp_path / "asset.0a1b", "urllib3", "9.8", "License-Expression: MIT")
    write_package(tmp_path / "asset.0a1b", "Own_Package", "1.0", "License: Apache-2.0")
    properties = {"Runtime": "python3.14", "Architectures": ["arm64"]}
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": properties,
        "Metadata": {"aws:asset:path": "asset.0a1b"},
    }
    resources = {"Table": {"Type": "AWS::DynamoDB::Table"}, "Worker": function}
    file = tmp_path / "QueueEnds-dev.template.json"
    file.write_text(json.dumps({"Resources": resources}))
    return file


def write_package(folder: Path, name: str, version: str, *lines: str) -> Path:
    """Write the metadata of an installed package; return their folder."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    head = ("Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}")
    (info / "METADATA").write_text("\n".join([*head, *lines, ""]))
    return info
