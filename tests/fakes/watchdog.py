"""A look of the watchdog's that finds something: what it logs and emits."""

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


def look(log: TextIO) -> None:
    """Have the watchdog of stage dev look without its secret; metrics go where prints go."""
    url = "https://api.example.com"
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url}
    told = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    deployed = Deployment.from_environment({"STAGE": "dev", "DEPLOYED": json.dumps(told)})
    # Loggers of one name share the first one's stream.
    logger = Logger(service=uuid4().hex, stream=log, level="INFO")
    eventbridge: Any = None  # a subscription has no event source to look at
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "SECOND_CHECK_SECONDS", 0)
        watch.watch(
            deployed,
            Clock().invocation(120),
            FakeSecrets(),  # type: ignore[arg-type]
            eventbridge,
            logger,
        )
