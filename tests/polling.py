"""Waiting for what happens elsewhere: polling with a deadline instead of sleeping."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from local.polling import polls


def wait_until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait until a condition holds; fail with `what` was waited for after so many seconds."""
    if not any(true() for _ in polls(seconds, interval=0.1)):
        raise AssertionError(f"not within {seconds:g} s: {what}")


def runs(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no /proc on this system, or gone in between
        return not Path("/proc/self").exists()


def listens(url: str) -> bool:
    """Return whether somebody accepts connections at the host and port of a URL."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2).close()
    except OSError:
        return False
    return True
