"""The stacks under test, each synthesised in-process once per session."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.packaging import Asset
from tests.infra.stacks import Stack, synthesise_stack

HERE = Path(__file__).parent
KEY = "arn:aws:kms:us-east-1:111122223333:key/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
CONTEXT = {
    "@aws-cdk/core:permissionsBoundary": {"name": "developers"},
    "@aws-cdk/core:bootstrapQualifier": "acme1",
}
"""What a company's cdk.json adds: its permission boundary, and the qualifier of its bootstrap."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the whole folder in one process, because the CDK takes seconds to start."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("template"))


@pytest.fixture(scope="session")
def stack_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stack]:
    """Return a function that synthesises a stack with the given settings and a one-file asset.

    `context` adds to the CDK's context. A synthesis takes half a second, so tests should share the
    fixtures below.
    """
    folder = tmp_path_factory.mktemp("asset")
    (folder / "code.py").write_text("pass\n")
    asset = Asset(folder, "hash-of-the-code")

    def synthesise(context: Mapping[str, object] | None = None, **settings: Any) -> Stack:
        outdir = tmp_path_factory.mktemp("cdk")
        return synthesise_stack(asset, outdir, context or {}, **settings)

    return synthesise


@pytest.fixture(scope="session")
def stack(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack with default settings."""
    return stack_with()


@pytest.fixture(scope="session")
def lean(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack without a watchdog, whose only destination is an unprotected archive."""
    return stack_with(destinations=("archive",), watchdog="off", log_level="ERROR")


@pytest.fixture(scope="session")
def eventbridge(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack with the delivery `eventbridge` and every possible alarm."""
    return stack_with(
        delivery="eventbridge",
        silence_hours=24,
        details="analytics",
        details_wait_seconds=0,
        backfill="repair",
    )


@pytest.fixture(scope="session")
def many_queues(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack with the most queues possible, and the longest queue ids and stage."""
    return stack_with(
        stage="s" * 54,
        delivery="eventbridge",
        queue_ids=tuple(f"{n:x>64}" for n in range(50)),
        end_rule="last_queue",
        settle_seconds=900,
        archive_days=30,
        runbook_url="https://git.example.com/queue-ends/docs/runbook.md",
    )


@pytest.fixture(scope="session")
def queue_legs(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack for the emulator with the end rule `queue_leg`."""
    return stack_with(
        delivery="eventbridge", end_rule="queue_leg", archive_days=30, packaging="host"
    )


@pytest.fixture(scope="session")
def tuned(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack with the default delivery; all its other settings differ from the defaults."""
    return stack_with(
        stage="prod",
        queue_ids=("q1",),
        genesys_environment="mypurecloud.ie",
        genesys_api_url="https://proxy.example.com/api",
        genesys_secret="queue-ends/prod",
        genesys_account="325654371633",
        attribute_filter='$exists(queue) and queue.id = "q1"',
        settle_seconds=900,  # has no effect with this delivery
        details="analytics",
        details_wait_seconds=300,
        details_attempts=5,
        details_personal=True,
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
        retry_delay_seconds=900,
        ledger_days=400,
        ledger_recovery_days=7,
        archive_expiry_days=730,
        protect=True,
        watchdog="report",
        backfill="report",
        alarm_emails=("on-call@example.com", "team@example.com"),
        silence_hours=168,
        runbook_url="https://example.com/docs/runbook.md",
        log_level="DEBUG",
        log_retention_days=365,
        tracing=True,
    )


COMPANY = {
    "stage": "s" * 54,
    "destinations": ("actions", "bus", "webhook", "archive"),
    "webhook_url": "https://crm.example.internal/ended",
    "webhook_secret": "queue-ends/webhook",
    "webhook_allow_private": True,
    "details": "analytics",
    "backfill": "repair",
    "tracing": True,
    "kms_key_arn": KEY,
    "secret_kms_key_arn": "alias/secrets",
    "vpc_subnet_ids": ("subnet-0a1b2c3d4e5f60718", "subnet-1b2c3d4e5f6071829"),
    "vpc_security_group_ids": ("sg-0a1b2c3d4e5f60718",),
    "ledger_recovery_days": 0,
    "archive_expiry_days": 100,
    "role_path": "/queue-ends/",
    "role_prefix": "acme-contact-centre-",
    "tags": (("team", "contact-centre"),),
    "architecture": "x86_64",
    "python_version": "3.12",
}
"""The settings of a company's locked-down account, with a private network and keys."""


@pytest.fixture(scope="session")
def company(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack for a locked-down account, with every destination."""
    return stack_with(**COMPANY, context=CONTEXT)


@pytest.fixture(scope="session")
def company_eventbridge(stack_with: Callable[..., Stack]) -> Stack:
    """Return a stack like `company`, with the delivery `eventbridge` and its archive."""
    secret_key = "arn:aws:kms:us-east-1:444455556666:alias/team/it"
    changes = {"delivery": "eventbridge", "archive_days": 30, "secret_kms_key_arn": secret_key}
    return stack_with(**COMPANY | changes, context=CONTEXT)


@pytest.fixture(scope="session")
def variants(request: pytest.FixtureRequest) -> dict[str, Stack]:
    """Return all stacks above by name; together they have every kind of resource."""
    names = "stack lean eventbridge many_queues queue_legs tuned company company_eventbridge"
    return {name: request.getfixturevalue(name) for name in names.split()}
