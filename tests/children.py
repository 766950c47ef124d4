"""Processes that tests start: with signals at their defaults, and ended with the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tests.polling import wait_until

PR_SET_PDEATHSIG = 1
_BECOME = f"""
import ctypes, os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, signal.SIGKILL, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes its process what a terminal would have started, killed when its parent dies (on Linux)."""


@contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, by its whole path, that leads a process group; end this with the block.

    Tests may run in the background of a script, where SIGINT is ignored, and a process hands that
    on to its children.
    """
    become = [sys.executable, "-I", "-c", _BECOME, *command]
    with subprocess.Popen(become, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def status_of(process: subprocess.Popen[bytes]) -> int:
    """Wait until a process ends; return its exit status."""
    wait_until(lambda: process.poll() is not None, "a process to end")
    return int(process.returncode)
