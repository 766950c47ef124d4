"""The demo, interrupted: nothing of it stays."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from local.project import ROOT
from tests.polling import listens, wait_until


def test_ctrl_c_in_the_middle_leaves_no_process_no_port_and_no_traceback(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("w") as sink:
        demo = subprocess.Popen(
            [sys.executable, "-m", "local.demo"],
            cwd=ROOT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        wait_until(lambda: "[2/6" in output.read_text(), "the deploy to begin")
        demo.send_signal(signal.SIGINT)
        status = demo.wait(timeout=30)

    printed = output.read_text()
    urls = re.findall(r"http://127\.0\.0\.1:\d+", printed)
    assert status == 130
    assert "Traceback" not in printed
    assert "Interrupted" in printed
    assert len(urls) == 4
    assert not any(listens(url) for url in urls)
    wait_until(lambda: not _mentioning(str(tmp_path)), "every process of it to be gone", 10)
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


def _mentioning(text: str) -> list[str]:
    """Return the processes whose environment or command line holds a text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in seen and int(process.name) != os.getpid():
            found.append(process.name)
    return found
