"""The package as another CDK app imports it."""

import os
import subprocess
import sys
from pathlib import Path

import infra

ROOT = Path(__file__).parents[3]


def test_an_apps_module_that_hides_one_of_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text("OURS = False")

    imported = subprocess.run(
        [sys.executable, "-c", "import infra"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"hides: {tmp_path / 'metrics.py'}. Rename" in imported.stderr


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(infra, name) for name in infra.__all__)
