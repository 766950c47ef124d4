"""`cdk synth` as a user runs it: offline, without credentials, with the stock CLI."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aws_cdk import App

from infra import synthesis
from infra.packaging import PackagingError, Target, build_asset
from tests.infra.stacks import PROJECT


def exit_message(monkeypatch: pytest.MonkeyPatch, **context: str) -> str:
    """Synthesise with a CDK context that ends the process; return the message that it prints."""
    monkeypatch.setattr(synthesis, "App", lambda: App(context=context))
    with pytest.raises(SystemExit) as ended:
        synthesis.synthesise(PROJECT)
    return str(ended.value.code)


def unrecommended_flags(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the CDK feature flags that differ from the recommended values."""
    flags = manifest["artifacts"]["aws-cdk-lib/feature-flag-report"]["properties"]["flags"]
    chosen = {
        name: flag.get("userValue", flag.get("unconfiguredBehavesLike", {}).get("v2", False))
        for name, flag in flags.items()
    }
    return {name: it for name, it in chosen.items() if it != flags[name]["recommendedValue"]}


def test_mistakes_in_the_settings_end_the_synth_with_a_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = exit_message(monkeypatch, batch_size="0", queue_ids="a'b", attribute_filter="queueId =")
    lines = text.splitlines()
    assert lines[0] == "Queue Ends: 2 mistakes in the settings"
    assert [line.split(" = ")[0] for line in lines[1:]] == ["  - queue_ids", "  - batch_size"]


def test_a_failing_pip_ends_the_synth_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise PackagingError("Queue Ends: pip could not install")

    monkeypatch.setattr(synthesis, "build_functions", fail)
    assert exit_message(monkeypatch) == "Queue Ends: pip could not install"


def test_synth_needs_no_network_and_no_credentials_and_shows_what_to_know(tmp_path: Path) -> None:
    build_asset(PROJECT / "functions", Target("lambda"), PROJECT / "build")
    nowhere = "http://127.0.0.1:9"
    offline = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],  # jsii keeps its unpacked libraries there
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": nowhere,
        "HTTP_PROXY": nowhere,
    }
    command = [str(PROJECT / "node_modules" / ".bin" / "cdk"), "synth", "--quiet"]
    command += ["--app", shlex.join([sys.executable, "app.py"]), "--output", str(tmp_path)]
    for setting in ("stage=qa", "queue_ids=q1", "max_receive_count=30"):
        command += ["-c", setting]

    cdk = subprocess.run(
        command, cwd=PROJECT, env=offline, capture_output=True, text=True, check=False
    )

    assert cdk.returncode == 0, cdk.stderr
    assert (
        "INFO If a destination is down for up to 6 h 15 min 30 s, retries deliver every end "
        "afterwards (30 receives, first delay 30 s). docs/once.md explains this."
    ) in cdk.stderr
    assert 'WARNING queue_ids: "q1" does not look like a Genesys Cloud queue id' in cdk.stderr
    template = json.loads((tmp_path / "QueueEnds-qa.template.json").read_text())
    (subscription,) = [
        r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "Custom::GenesysSubscription"
    ]
    assert subscription["AttributeFilter"] == "queueId = 'q1'"
    assert "CDKMetadata" not in template["Resources"]
    assert "feature flags are not configured" not in cdk.stderr
    assert unrecommended_flags(json.loads((tmp_path / "manifest.json").read_text())) == {
        # The first two are recommended. The third is for FedRAMP orgs, which use AWS GovCloud.
        "@aws-cdk/core:target-partitions": ["aws", "aws-cn", "aws-us-gov"],
        # With this flag on, the report omits info annotations if there is a warning.
        "@aws-cdk/core:annotationsInValidationReport": False,
        # More for the usage report, which `versionReporting` in cdk.json turns off.
        "@aws-cdk/core:enableAdditionalMetadataCollection": False,
    }
    # The CDK's own validation of the template, with CloudFormation's schemas and rules.
    assert json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"] == []
