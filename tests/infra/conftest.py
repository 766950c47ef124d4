"""Templates synthesised in-process, each once a session."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from infra.packaging import Asset
from infra.settings.settings import Settings
from infra.stack import QueueEndsStack

PROJECT = Path(__file__).parents[2]
QUEUES = ("a1b2c3d4-e5f6-7890-1234-567890abcdef", "b2c3d4e5-f6a7-4901-8345-67890abcdef1")


@dataclass(frozen=True)
class Stack:
    """A synthesised template, with its resources by construct path below the stack."""

    template: dict[str, Any]
    ids: dict[str, str]

    def resource(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.template["Resources"][self.ids[path]]
        return found

    def properties(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.resource(path)["Properties"]
        return found

    def arn(self, path: str) -> dict[str, Any]:
        return {"Fn::GetAtt": [self.ids[path], "Arn"]}

    def of_type(self, resource_type: str) -> list[dict[str, Any]]:
        every = self.template["Resources"].values()
        return [resource for resource in every if resource["Type"] == resource_type]


def synthesised(asset: Asset, outdir: Path, **settings: Any) -> Stack:
    # As the CLI does it: with the project's context, and construct paths in the template.
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    context |= {"aws:cdk:enable-path-metadata": True, "aws:cdk:version-reporting": False}
    app = App(context=context, outdir=str(outdir))
    chosen = Settings(**({"stage": "dev", "queue_ids": QUEUES} | settings))
    template = Template.from_stack(QueueEndsStack(app, chosen, asset)).to_json()
    paths = {
        resource["Metadata"]["aws:cdk:path"]: logical_id
        for logical_id, resource in template["Resources"].items()
    }
    short = {path.split("/", 1)[1].removesuffix("/Resource"): i for path, i in paths.items()}
    return Stack(template, short)


@pytest.fixture(scope="session")
def stack_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stack]:
    """Synthesise with some settings and an asset, of one file by default; the same only once."""
    folder = tmp_path_factory.mktemp("asset")
    (folder / "code.py").write_text("pass\n")
    small = Asset(folder, "hash-of-the-code")

    @cache
    def synthesise(asset: Asset = small, **settings: Any) -> Stack:
        return synthesised(asset, tmp_path_factory.mktemp("cdk"), **settings)

    return synthesise


@pytest.fixture(scope="session")
def stack(stack_with: Callable[..., Stack]) -> Stack:
    """Return the stack with nothing but defaults."""
    return stack_with()


@pytest.fixture(scope="session")
def archiving(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack whose only destination is an archive that is not protected."""
    return stack_with(destinations=("archive",))


@pytest.fixture(scope="session")
def eventbridge(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack that gets its events through EventBridge, and is else of defaults."""
    return stack_with(delivery="eventbridge")


@pytest.fixture(scope="session")
def many_queues(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack with as many queues as can be, whose ids and stage are as long as can be."""
    return stack_with(
        stage="s" * 54,
        delivery="eventbridge",
        queue_ids=tuple(f"{n:x>64}" for n in range(50)),
        end_rule="last_queue",
        settle_seconds=900,
        archive_days=30,
    )


@pytest.fixture(scope="session")
def queue_legs(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack for the emulator whose end rule looks at one queue's events alone."""
    return stack_with(
        delivery="eventbridge", end_rule="queue_leg", archive_days=30, packaging="host"
    )


@pytest.fixture(scope="session")
def tuned(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack in which each setting that shows in the template is another."""
    return stack_with(
        stage="prod",
        queue_ids=("q1",),
        genesys_environment="mypurecloud.ie",
        genesys_api_url="https://proxy.example.com/api",
        genesys_secret="queue-ends/prod",
        genesys_account="325654371633",
        attribute_filter="$exists(queue) and queue.id = 'q1'",
        destinations=("archive", "webhook", "actions", "bus"),
        webhook_url="https://hooks.example.com/ended?team=1",
        webhook_secret="queue-ends/webhook",
        webhook_allow_private=True,
        batch_size=200,
        batching_window_seconds=5,
        max_concurrency=7,
        worker_timeout_seconds=60,
        worker_memory_mb=512,
        max_receive_count=6,
        retry_delay_seconds=45,
        ledger_days=400,
        protect=True,
        watchdog="report",
        alarm_emails=("on-call@example.com", "team@example.com"),
        silence_hours=6,
        runbook_url="https://example.com/docs/runbook.md",
        log_level="DEBUG",
        log_retention_days=365,
        tracing=True,
    )
