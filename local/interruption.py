"""The signals that stop a run: it cleans up, whatever it inherited from its parent."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Have SIGINT, SIGTERM and SIGHUP raise `KeyboardInterrupt` in the block.

    A background job of a script, and a job of some CI systems, begins with SIGINT ignored. Python
    then installs no handler, so that whoever sends SIGINT or SIGTERM to stop the run waits in vain
    while an emulator goes on. These two therefore stop a run always. SIGHUP alone stays ignored
    where it was ignored: that is what `nohup` is for.
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
    """Ignore these signals from now on, as a clean-up that is interrupted leaves things running."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
