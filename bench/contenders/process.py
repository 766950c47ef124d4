"""The process of a contender, seen from the benchmark."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.contenders.setup import Setup


@dataclass(frozen=True, slots=True)
class Turn:
    """The seconds that a turn took, of CPU time and of wall-clock time."""

    cpu: float
    wall: float


class ContenderProcess:
    """A contender in a process of its own, from when it is ready to the end of `with`."""

    def __init__(self, setup: Setup) -> None:
        command = [sys.executable, "-m", "bench.contenders.turns", json.dumps(asdict(setup))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._setup = setup
        self._read_line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()  # The process ends when its input ends.

    def turn(self, batch: int | Path, times: int = 1) -> Turn:
        """Have the contender process batches of so many ends, or once the payload in a file."""
        request = [batch, times] if isinstance(batch, int) else str(batch)
        assert self._process.stdin  # noqa: S101 - for mypy
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Turn(*json.loads(self._read_line()))

    def _read_line(self) -> str:
        assert self._process.stdout  # noqa: S101 - for mypy
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._setup} has ended. Its error is above.")
        return line

    def memory_mb(self) -> dict[str, float]:
        """Return the process's memory: `rss` now, and `peak_rss`. Only Linux tells them."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return {
            name: int(fields[field].split()[0]) * 1024 / 1e6
            for name, field in (("rss", "VmRSS"), ("peak_rss", "VmHWM"))
        }
