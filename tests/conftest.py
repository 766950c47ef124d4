"""What holds for all tests, wherever they are started: hypothesis, the environment, signals."""

import gc
import os
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from local.interruption import stop_on_signals
from metrics import Zeros

# The same examples every time, each for as long as it takes.
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# Nothing of the user's AWS configuration, and no proxy between processes of this machine.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    # Templates that are synthesised here need no warnings of what AWS might refuse, which take
    # most of the time; the stock CLI still looks for them.
    "CDK_VALIDATION": "false",
}


@pytest.fixture
def zeros_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker's next batch write its counts of zero, as a minute's first batch does."""
    monkeypatch.setattr("worker.report.zeros", Zeros())


def pytest_configure(config: pytest.Config) -> None:
    """Have a signal that stops the tests end what they have started, as Ctrl-C does."""
    stopped = ExitStack()
    stopped.enter_context(stop_on_signals())
    config.add_cleanup(stopped.close)


def pytest_collection_finish() -> None:
    """Leave what was imported out of garbage collections, and collect more rarely.

    With Python's thresholds, garbage collections take a quarter of the tests' time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
