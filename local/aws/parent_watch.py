"""Run a command that must not outlive its parent.

Usage: `python parent_watch.py [--remove FOLDER] COMMAND…`.

The parent holds the leash's standard input open. When that ends, because the parent let go or died
however suddenly, the command and every process of its group are ended: SIGTERM first, SIGKILL
after two seconds; FOLDER, the command's scratch folder, is removed last. Of a command that ends
by itself the processes that it leaves behind are ended too, but FOLDER stays for the parent to see.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
PR_SET_CHILD_SUBREAPER = 36


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: int | IO[bytes],
    remove: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` on a leash that this process holds.

    Parameters
    ----------
    output
        Where its standard output and standard error go: a file, or `subprocess.PIPE`.
    remove
        Folder to remove once this process has let go, or died, and the command is gone.

    Returns
    -------
    The leash. It exits with the command's status; `let_go` ends it sooner.
    """
    options = ["--remove", str(remove)] if remove else []
    return subprocess.Popen(
        [sys.executable, "-I", __file__, *options, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        # Neither Ctrl-C in a terminal nor a signal to the parent's whole group reaches it.
        start_new_session=True,
    )


def let_go(leash: subprocess.Popen[bytes]) -> int:
    """End the command on `leash` and wait until it is gone; return the exit status."""
    if leash.stdin:
        leash.stdin.close()
    return leash.wait()


def _adopt_orphans() -> None:
    """Become the parent of processes whose own one has ended, so that they can be reaped here.

    Not every init process does it soon, and one that is not reaped still counts as a member of its
    group. Only Linux has this; elsewhere it takes a moment longer.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_group(group: int) -> None:
    for ending in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        try:
            os.killpg(group, ending)
            while time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(-group, os.WNOHANG)
                os.killpg(group, 0)
                time.sleep(0.01)
        except (ProcessLookupError, PermissionError):  # the latter on macOS: only zombies left
            return


def _stop(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def _wait_for_end_of_input(main_thread: int, let_go: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    let_go.set()
    signal.pthread_kill(main_thread, signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return the command's exit status."""
    command, folder = list(arguments), None
    if command[:1] == ["--remove"]:
        folder, command = command[1], command[2:]
    if not command:
        raise SystemExit(__doc__)
    child, let_go = None, threading.Event()
    try:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _stop)
        # Not ignored: the command would inherit that.
        signal.signal(signal.SIGINT, lambda *_: None)
        _adopt_orphans()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        threading.Thread(
            target=_wait_for_end_of_input, args=[threading.get_ident(), let_go], daemon=True
        ).start()
        status = child.wait()
        return 128 - status if status < 0 else status
    finally:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
        if child:
            _end_group(child.pid)
        if folder and let_go.is_set():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
