"""How hypothesis runs, the same examples every time; and which signals stop the tests."""

import os
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from local.interruption import stopped_by_signals

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# Templates that tests synthesise in-process need no warnings of what AWS might refuse, which take
# most of the time; the stock CLI still looks for them.
os.environ["CDK_VALIDATION"] = "false"


def pytest_configure(config: pytest.Config) -> None:
    """Have a signal that stops the tests end what they have started, as Ctrl-C does."""
    stopped = ExitStack()
    stopped.enter_context(stopped_by_signals())
    config.add_cleanup(stopped.close)
