"""Lets a run clean up when a signal stops it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP raise `KeyboardInterrupt` in the `with` block.

    A script's background job and some CI jobs start with SIGINT ignored, and Python then installs
    no handler for SIGINT. Such a run must also stop and clean up on SIGINT and SIGTERM; otherwise,
    its emulator would be left running. If SIGHUP is ignored at the start, it remains ignored,
    because `nohup` relies on this.
    """
    old_handlers = {number: signal.getsignal(number) for number in SIGNALS}
    old_mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
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
    """Ignore SIGINT, SIGTERM and SIGHUP from now on.

    An interrupted clean-up would leave processes running.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
