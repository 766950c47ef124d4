"""`cdk synth` with the stock CLI, as a user runs it: offline, without credentials."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from infra.packaging import build

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def offline() -> dict[str, str]:
    """Return an environment without AWS credentials, from which no host can be reached."""
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],  # jsii keeps its unpacked libraries there
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": nowhere,
        "HTTP_PROXY": nowhere,
    }


def synth(output: Path, env: dict[str, str], *settings: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROJECT / "node_modules" / ".bin" / "cdk"), "synth", "--quiet"]
    command += ["--app", shlex.join([sys.executable, "app.py"]), "--output", str(output)]
    for setting in settings:
        command += ["-c", setting]
    return subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_mistakes_end_the_synth_with_a_list_and_no_traceback(
    tmp_path: Path, offline: dict[str, str]
) -> None:
    cdk = synth(tmp_path, offline, "batch_size=0", "queue_ids=a'b", "attribute_filter=queueId =")

    assert cdk.returncode == 1
    lines = cdk.stderr.splitlines()
    assert lines[0] == "Queue Ends: 2 mistakes in the settings"
    assert [line.split(" = ")[0] for line in lines[1:3]] == ["  - queue_ids", "  - batch_size"]
    assert "Traceback" not in cdk.stdout + cdk.stderr


def test_synth_needs_no_network_and_no_credentials_and_shows_what_to_know(
    tmp_path: Path, offline: dict[str, str]
) -> None:
    build(PROJECT / "functions", "lambda", PROJECT / "build")

    cdk = synth(tmp_path, offline, "stage=qa", "queue_ids=q1", "max_receive_count=30")

    assert cdk.returncode == 0, cdk.stderr
    assert (
        "INFO An outage of a destination of up to 6 h 15 min 30 s is ridden out (30 receives, "
        "first delay 30 s); docs/once.md explains it."
    ) in cdk.stderr
    assert 'WARNING queue_ids: "q1" does not look like a Genesys Cloud queue id' in cdk.stderr
    template = json.loads((tmp_path / "QueueEnds-qa.template.json").read_text())
    (subscription,) = [
        r["Properties"] for r in template["Resources"].values() if r["Type"].startswith("Custom::")
    ]
    assert subscription["AttributeFilter"] == "queueId = 'q1'"
    assert "CDKMetadata" not in template["Resources"]
