"""A run of the watchdog that finds a difference, for its log line and metrics."""

import json
from typing import Any, TextIO
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from genesys.credentials import Credentials
from genesys.queue_ids import pack_ids
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from watchdog import queue_check, watch
from watchdog.deployment import Deployment


def run_watchdog(log: TextIO) -> None:
    """Run the watchdog of stage dev without its secret; the metrics go to stdout.

    The check of the queues finds them all.
    """
    url = "https://api.example.com"
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    deployment = Deployment.from_environment(
        {"STAGE": "dev", "DEPLOYED": json.dumps(deployed), "PACKED_QUEUE_IDS": pack_ids(OUR_QUEUES)}
    )
    # Loggers with the same name share a stream.
    logger = Logger(service=uuid4().hex, stream=log, level="INFO")
    eventbridge: Any = None  # a subscription has no partner event source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "COMPARISON_PAUSE_SECONDS", 0)
        patch.setattr(queue_check, "load_credentials", lambda *_: Credentials("id", "secret"))
        patch.setattr(queue_check, "find_queues", lambda *_: dict.fromkeys(OUR_QUEUES))
        watch.watch(
            deployment,
            Clock().invocation(120),
            FakeSecrets(),  # type: ignore[arg-type]
            eventbridge,
            logger,
        )
