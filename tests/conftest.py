"""How hypothesis runs, the same examples every time; and which signals stop the tests."""

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


def pytest_configure(config: pytest.Config) -> None:
    """Have a signal that stops the tests end what they have started, as Ctrl-C does."""
    stopped = ExitStack()
    stopped.enter_context(stopped_by_signals())
    config.add_cleanup(stopped.close)
