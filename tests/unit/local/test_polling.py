"""Polling counts only the time during which the machine is awake."""

import time

import pytest

from local import polling


class Machine:
    """A machine whose monotonic clock goes on while it is suspended."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.suspensions = list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + (self.suspensions.pop() if self.suspensions else 0.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(time, "monotonic", machine.monotonic)
    monkeypatch.setattr(time, "sleep", machine.sleep)
    return machine


def test_the_last_poll_is_at_the_end_of_the_time(machine: Machine) -> None:
    started_at = machine.now
    poll_times = [machine.now - started_at for _ in polling.polls(3, interval=0.5)]
    assert poll_times == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_a_suspension_takes_hardly_any_of_the_time(machine: Machine) -> None:
    machine.suspensions = [600, 600]
    count = sum(1 for _ in polling.polls(60, interval=0.5))
    assert count > 60 / 0.5 - 2 * polling.MAX_POLL_SECONDS / 0.5
