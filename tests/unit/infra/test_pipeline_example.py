"""The example pipeline: it can run, has no long-lived keys, and asks for no more than it needs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # cfn-lint brings it, without types

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "examples/github-actions/queue-ends.yml").read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
PAGE = (ROOT / "docs/pipeline.md").read_text(encoding="utf-8")


def commands(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def test_each_trigger_has_its_job() -> None:
    triggers = WORKFLOW[True]  # YAML 1.1 reads `on` as true
    conditions = {name: job["if"] for name, job in JOBS.items()}

    assert triggers.keys() == {"pull_request", "push", "schedule"}
    assert triggers["push"] == {"branches": ["main"]}
    assert conditions == {
        "diff": "github.event_name == 'pull_request'",
        "deploy": "github.event_name == 'push'",
        "drift": "github.event_name == 'schedule'",
    }


def test_each_job_runs_a_command_of_the_project_for_the_stage() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    run = {job: re.findall(r"make (\w+)", " ".join(commands(job))) for job in JOBS}

    assert run == {"diff": ["diff"], "deploy": ["deploy"], "drift": ["drift"]}
    for (target,) in run.values():
        assert re.search(rf"^{target}: setup ##", makefile, re.MULTILINE)
    assert WORKFLOW["env"] == {"STAGE": "prod"}
    assert re.search(r"^STAGE \?=", makefile, re.MULTILINE), "the environment chooses the stage"


def test_there_is_no_long_lived_key_and_no_secret() -> None:
    assert (
        re.findall(r"secrets\.|access-key|AKIA|session-token|password", TEXT, re.IGNORECASE) == []
    )


def test_jobs_have_only_the_permissions_for_the_code_and_the_token() -> None:
    assert WORKFLOW["permissions"] == {}
    needed = {"contents": "read", "id-token": "write"}
    assert {name: job["permissions"] for name, job in JOBS.items()} == dict.fromkeys(JOBS, needed)
    assert TEXT.count("persist-credentials: false") == len(JOBS)


def test_actions_are_pinned_by_the_commits_of_the_tests() -> None:
    pin = re.compile(r"uses: (\S+)@(\S+)(?: # (v[\d.]+))?$", re.MULTILINE)
    tests = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    ours, theirs = set(pin.findall(TEXT)), set(pin.findall(tests))

    assert all(re.fullmatch("[0-9a-f]{40}", commit) and version for _, commit, version in ours)
    assert {action for action, _, _ in ours - theirs} == {"aws-actions/configure-aws-credentials"}


def test_only_the_deploy_in_its_environment_gets_the_role_that_deploys() -> None:
    roles = {
        name: step["with"]["role-to-assume"]
        for name, job in JOBS.items()
        for step in job["steps"]
        if "role-to-assume" in step.get("with", {})
    }

    assert roles == {
        "diff": "${{ vars.AWS_REVIEW_ROLE }}",
        "deploy": "${{ vars.AWS_DEPLOY_ROLE }}",
        "drift": "${{ vars.AWS_REVIEW_ROLE }}",
    }
    assert JOBS["deploy"]["environment"] == "prod"
    assert "environment" not in JOBS["diff"]
    assert JOBS["deploy"]["concurrency"]["cancel-in-progress"] is False


def test_the_trust_policy_names_one_repository_and_its_environment() -> None:
    file = ROOT / "examples/github-actions/trust-policy.json"
    (statement,) = json.loads(file.read_text(encoding="utf-8"))["Statement"]
    provider = "token.actions.githubusercontent.com"

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{provider}:aud": "sts.amazonaws.com",
            f"{provider}:sub": "repo:our-team/queue-ends:environment:prod",
        }
    }
    assert "repo:our-team/queue-ends:environment:prod" in PAGE


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_REVIEW_ROLE", "AWS_DEPLOY_ROLE"])
def test_the_page_names_each_variable_of_the_workflow(variable: str) -> None:
    assert f"vars.{variable}" in TEXT
    assert f"`{variable}`" in PAGE
