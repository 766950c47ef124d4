"""Handling of the signals that stop a run, so that the run cleans up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP raise `KeyboardInterrupt` in the `with` block.

    SIGINT is ignored at the start of a script's background job and of some CI jobs, and Python then
    installs no handler. SIGINT and SIGTERM must stop such a run too, or its emulator keeps running.
    An ignored SIGHUP remains ignored, because `nohup` relies on that.
    """
    old_handlers = {number: signal.getsignal(number) for number in SIGNALS}
    old_mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[:2])
    for number, handler in old_handlers.items():
        if number != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)


def ignore_signals() -> None:
    """Ignore the signals, because an interrupted clean-up would leave processes running."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
