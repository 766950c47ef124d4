"""A run of the watchdog that finds a difference, for its log line and metric."""

import json
from typing import Any, TextIO
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from watchdog import watch
from watchdog.deployment import Deployment


def run_watchdog(log: TextIO) -> None:
    """Run the watchdog of stage dev without its secret; the metric goes to stdout."""
    url = "https://api.example.com"
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    deployment = Deployment.from_environment({"STAGE": "dev", "DEPLOYED": json.dumps(deployed)})
    # Loggers with the same name share a stream.
    logger = Logger(service=uuid4().hex, stream=log, level="INFO")
    eventbridge: Any = None  # a subscription has no partner event source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "COMPARISON_PAUSE_SECONDS", 0)
        watch.watch(
            deployment,
            Clock().invocation(120),
            FakeSecrets(),  # type: ignore[arg-type]
            eventbridge,
            logger,
        )
