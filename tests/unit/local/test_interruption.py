"""Signals stop a run even if its parent ignored or blocked them."""

import signal
from collections.abc import Iterator

import pytest

from local.interruption import SIGNALS, ignore_signals, stop_on_signals


@pytest.fixture(autouse=True)
def _handlers_are_restored() -> Iterator[None]:
    old_handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    for number, handler in old_handlers.items():
        signal.signal(number, handler)


def is_stopped_by(number: signal.Signals) -> bool:
    """Return whether a signal stops the `with` block."""
    try:
        with stop_on_signals():
            signal.raise_signal(number)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_stops_a_run(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    assert is_stopped_by(number)
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_was_ignored_stops_a_run_unless_nohup_ignores_it(
    number: signal.Signals,
) -> None:
    signal.signal(number, signal.SIG_IGN)
    assert is_stopped_by(number) == (number != signal.SIGHUP)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_signal_that_was_blocked_stops_a_run_and_is_blocked_again_after_it() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    assert is_stopped_by(signal.SIGINT)
    assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_no_signal_stops_a_clean_up() -> None:
    with stop_on_signals():
        ignore_signals()
        for number in SIGNALS:
            signal.raise_signal(number)
