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

GRACE_SECONDS = 2.0
"""The time between SIGTERM and SIGKILL."""
PR_SET_CHILD_SUBREAPER = 36


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: int | IO[bytes],
    remove: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a watcher that runs `command` until this process, the watcher's parent, is gone.

    Parameters
    ----------
    output
        A file for the command's standard output and standard error, or `subprocess.PIPE`.
    remove
        The folder that the watcher removes after `stop` or after the death of this process.

    Returns
    -------
    The watcher, which exits with the command's status. To end the command early, call `stop`.
    """
    options = ["--remove", str(remove)] if remove else []
    return subprocess.Popen(
        [sys.executable, "-I", __file__, *options, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        # Ctrl-C and signals to the parent's process group must not reach the watcher.
        start_new_session=True,
    )


def stop(watcher: subprocess.Popen[bytes]) -> int:
    """End a watcher's command, wait until the watcher has exited, and return its exit status."""
    if watcher.stdin:
        watcher.stdin.close()
    return watcher.wait()


def _adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that this process can reap them.

    A dead process remains a member of its group until its parent reaps it, and some init processes
    reap late. Only Linux allows this adoption. On other systems, ending a group takes longer.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_group(group: int) -> None:
    """Send SIGTERM and then SIGKILL to a process group; return once no process is left in it."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE_SECONDS
        try:
            os.killpg(group, signal_number)
            while time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(-group, os.WNOHANG)
                os.killpg(group, 0)
                time.sleep(0.01)
        except (ProcessLookupError, PermissionError):  # macOS raises the latter for zombies
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
        for signal_number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, _exit_on_signal)
        # A handler instead of SIG_IGN, because the command would inherit SIG_IGN.
        signal.signal(signal.SIGINT, lambda *_: None)
        _adopt_orphans()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        threading.Thread(
            target=_wait_for_parent, args=[threading.get_ident(), parent_gone], daemon=True
        ).start()
        status = child.wait()
        return 128 - status if status < 0 else status
    finally:
        for signal_number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, signal.SIG_IGN)
        if child:
            _end_group(child.pid)
        if folder and parent_gone.is_set():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
