"""The warnings of data that a deploy would lose; `cdk` is a script that prints recorded lines."""

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.losses.losses import find_losses

ROOT = Path(__file__).parents[4]
# As the pinned CDK CLI prints them; test_losses_found.py compares a deployed stack.
LINES = """
Stack QueueEnds-dev (aws://111122223333/us-east-1)
Resources
[-] AWS::SQS::Queue Intake/Queue IntakeQueue6FB53B87 destroy
\N{CROSS MARK}  Found 4 destructive change(s) (--fail-on=destructive):
  QueueEnds-dev: AWS::SQS::Queue Intake/Queue IntakeQueue6FB53B87 will be destroyed
  QueueEnds-dev: AWS::DynamoDB::Table Default/Ledger/Table LedgerTable9343E4AA may be replaced
  QueueEnds-dev: AWS::S3::Bucket Bucket1234 will be orphaned
  QueueEnds-dev: AWS::CloudWatch::Alarm Monitoring/Alarms/silence Silence99 will be destroyed
"""
NO_DIFFERENCE = "There were no differences"


@pytest.fixture
def cdk(tmp_path: Path) -> Path:
    """Return a script that answers as the CDK CLI does, with the status in CDK_STATUS."""
    script = tmp_path / "cdk"
    script.write_text('#!/bin/sh\necho "$@"\ncat "$CDK_LINES"\nexit "$CDK_STATUS"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def compare(
    cdk: Path, mode: str, lines: str, status: int, **env: str
) -> subprocess.CompletedProcess[str]:
    printed = cdk.with_name("lines")
    printed.write_text(lines)
    return subprocess.run(
        [sys.executable, "-m", "infra.losses", mode, str(cdk), "-c", "stage=dev"],
        cwd=ROOT,
        env={**os.environ, "CDK_LINES": str(printed), "CDK_STATUS": str(status), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_lost_resource_with_data_is_described() -> None:
    queue, table, bucket = find_losses(LINES.splitlines())

    assert queue.startswith("the intake queue, Intake/Queue, will be destroyed.\n")
    assert "Ends that wait in it are gone" in queue
    assert table.startswith("the ledger, Default/Ledger/Table, may be replaced.\n")
    assert bucket.startswith("the archive, Bucket1234, will be orphaned.\n")


def test_a_list_in_another_form_stops_the_deploy(cdk: Path) -> None:
    """A newer CLI may word it otherwise; then a loss would go unnoticed."""
    stopped = compare(cdk, "accept", LINES.replace("will be destroyed", "is deleted"), 1)

    assert stopped.returncode == 1
    assert "found 4 destructive changes, and 2 could be read" in stopped.stderr


def test_a_comparison_shows_differences_and_losses_and_succeeds(cdk: Path) -> None:
    shown = compare(cdk, "show", LINES, 1)

    assert shown.returncode == 0
    options = "diff --method template --fail-on destructive -c stage=dev"
    assert shown.stdout.splitlines()[0] == options
    assert "Queue IntakeQueue6FB53B87 destroy" in shown.stdout
    assert "destructive change(s)" not in shown.stdout
    assert "WARNING: this deploy would lose data." in shown.stdout


def test_a_deploy_without_losses_goes_on_in_silence(cdk: Path) -> None:
    only_an_alarm = "\n".join(
        line.replace("Found 4", "Found 1")
        for line in LINES.splitlines()
        if "Found" in line or "Alarm" in line
    )
    for lines, status in ((NO_DIFFERENCE, 0), (only_an_alarm, 1)):
        accepted = compare(cdk, "accept", lines, status)

        assert (accepted.returncode, accepted.stdout, accepted.stderr) == (0, "", "")


def test_a_deploy_with_losses_stops_in_a_pipeline_that_does_not_accept_them(cdk: Path) -> None:
    refused = compare(cdk, "accept", LINES, 1)
    accepted = compare(cdk, "accept", LINES, 1, ACCEPT_LOSS="yes")

    assert refused.returncode == 1
    assert "the ledger" in refused.stdout
    assert "set ACCEPT_LOSS=yes" in refused.stderr
    assert accepted.returncode == 0
    assert "the ledger" in accepted.stdout


@pytest.mark.parametrize(("answer", "status"), [("yes", 0), ("y", 1)])
def test_a_deploy_with_losses_asks_at_a_terminal(cdk: Path, answer: str, status: int) -> None:
    printed = cdk.with_name("lines")
    printed.write_text(LINES)
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())

    asked = subprocess.run(
        [sys.executable, "-m", "infra.losses", "accept", str(cdk)],
        cwd=ROOT,
        env={**os.environ, "CDK_LINES": str(printed), "CDK_STATUS": "1"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    os.close(ours)

    assert asked.returncode == status
    assert "Type yes" in asked.stdout


@pytest.mark.parametrize("mode", ["show", "accept"])
def test_a_comparison_that_fails_gives_the_reason_of_the_cdk(cdk: Path, mode: str) -> None:
    failed = compare(cdk, mode, "Queue Ends: 1 mistake in the settings", 1)

    assert failed.returncode == 1
    assert "1 mistake in the settings" in failed.stdout + failed.stderr
    assert "WARNING" not in failed.stdout
