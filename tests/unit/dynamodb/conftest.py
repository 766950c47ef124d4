"""A simulated clock for deadlines."""

import pytest

from tests.fakes.clock import Alarm, Clock


@pytest.fixture(autouse=True)
def alarm(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Alarm:
    return Alarm(clock, monkeypatch)
