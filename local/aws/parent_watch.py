"""A watcher process that runs a command and ends it when the parent is gone.

Usage: `python parent_watch.py [--remove FOLDER] COMMAND…`.

The parent holds the watcher's standard input open. When the parent closes it or dies, the watcher
ends every process in the command's group, by SIGTERM and two seconds later by SIGKILL, and then
removes FOLDER, the command's scratch folder. When the command ends by itself, the watcher ends the
processes that the command left behind, and FOLDER stays for the parent to read.
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
    """Start a command under a watcher whose parent is this process.

    Parameters
    ----------
    output
        Where the command's standard output and standard error go: a file or `subprocess.PIPE`.
    remove
        The folder that the watcher removes after `stop` or after the death of this process.

    Returns
    -------
    The watcher. It exits with the command's status; `stop` ends it sooner.
    """
    options = ["--remove", str(remove)] if remove else []
    return subprocess.Popen(
        [sys.executable, "-I", __file__, *options, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        # Neither Ctrl-C nor a signal to the parent's group must reach the watcher.
        start_new_session=True,
    )


def stop(watcher: subprocess.Popen[bytes]) -> int:
    """End the watcher's command, wait until it is gone, and return the exit status."""
    if watcher.stdin:
        watcher.stdin.close()
    return watcher.wait()


def _adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that this process can reap them.

    A process that nobody reaps still counts as a member of its group, and some init processes reap
    late. Only Linux can adopt; elsewhere the end takes a moment longer.
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


def _exit_on_signal(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def _wait_for_parent(main_thread: int, parent_gone: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    parent_gone.set()
    signal.pthread_kill(main_thread, signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    """Run the command in `arguments`; return its exit status."""
    command, folder = list(arguments), None
    if command[:1] == ["--remove"]:
        folder, command = command[1], command[2:]
    if not command:
        raise SystemExit(__doc__)
    child, parent_gone = None, threading.Event()
    try:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _exit_on_signal)
        # The command would inherit SIG_IGN, but not a handler.
        signal.signal(signal.SIGINT, lambda *_: None)
        _adopt_orphans()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        threading.Thread(
            target=_wait_for_parent, args=[threading.get_ident(), parent_gone], daemon=True
        ).start()
        status = child.wait()
        return 128 - status if status < 0 else status
    finally:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
        if child:
            _end_group(child.pid)
        if folder and parent_gone.is_set():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
