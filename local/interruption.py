"""The signals that stop a run, and their handling so that the run cleans up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP raise `KeyboardInterrupt` in the block.

    A script's background job and the jobs of some CI systems start with SIGINT ignored, and Python
    then installs no handler. SIGINT and SIGTERM must stop such a run too, or its emulator goes on.
    An ignored SIGHUP stays ignored, since `nohup` asks for that.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[:2])
    for number, handler in before.items():
        if number != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def ignore_signals() -> None:
    """Ignore the signals from now on: an interrupted clean-up would leave processes running."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
