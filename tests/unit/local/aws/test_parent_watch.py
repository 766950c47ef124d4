"""A watched command ends with its parent, and so do the processes that it started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.aws import parent_watch
from tests.children import child, status_of
from tests.polling import runs, wait_until

ROOT = Path(parent_watch.__file__).parents[2]
# The command starts a child in its own group and writes both pids.
FAMILY = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("pids.part").write_text(f"{os.getpid()} {child.pid}")
os.rename("pids.part", "pids")
"""
WAITS = FAMILY + "time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS
PARENT = """
import os, pathlib, sys, time
from local.aws import parent_watch
folder, code = pathlib.Path(sys.argv[1]), sys.argv[2]
command = [sys.executable, "-c", code]
watcher = parent_watch.start(command, env=os.environ, cwd=folder, output=-3, remove=folder)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def family(folder: Path) -> Iterator[list[int]]:
    """A list for the pids that must have ended when the test is over."""
    pids: list[int] = []
    yield pids
    for pid in filter(runs, pids):
        os.kill(pid, signal.SIGKILL)


def start(code: str, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, *options, "-c", code]
    return parent_watch.start(command, env=os.environ, cwd=folder, output=subprocess.PIPE)


def pids_in(folder: Path) -> list[int]:
    wait_until((folder / "pids").exists, "the command starts")
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def none_runs(pids: list[int]) -> bool:
    return not any(runs(pid) for pid in pids)


@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 128 + 9)],
)
def test_the_status_of_the_command_is_passed_on(folder: Path, code: str, status: int) -> None:
    with start(code, folder) as watcher:
        assert status_of(watcher) == status


def test_both_outputs_of_the_command_go_to_the_given_output(folder: Path) -> None:
    with start("import sys; print('out', flush=True); sys.stderr.write('err')", folder) as watcher:
        output = watcher.stdout.read() if watcher.stdout else b""
    assert output == b"out\nerr"


def test_stop_ends_the_command_and_its_children(folder: Path, family: list[int]) -> None:
    with start(WAITS, folder) as watcher:
        family += pids_in(folder)
        parent_watch.stop(watcher)
    assert none_runs(family)


def test_a_child_that_the_command_leaves_behind_is_ended(folder: Path, family: list[int]) -> None:
    with start(FAMILY, folder) as watcher:
        assert status_of(watcher) == 0
        family += pids_in(folder)
    assert none_runs(family)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_watcher_ends_the_command(
    folder: Path, family: list[int], ending: signal.Signals
) -> None:
    with start(WAITS, folder) as watcher:
        family += pids_in(folder)
        watcher.send_signal(ending)
        status_of(watcher)
    assert none_runs(family)


def test_ctrl_c_does_not_reach_the_command(folder: Path, family: list[int]) -> None:
    with start(WAITS, folder) as watcher:
        family += pids_in(folder)
        watcher.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            watcher.wait(0.3)
        assert all(runs(pid) for pid in family)
        parent_watch.stop(watcher)


def test_a_command_that_ignores_sigterm_is_killed(folder: Path, family: list[int]) -> None:
    impatient = (
        "import sys; from local.aws import parent_watch; "
        "parent_watch.GRACE_SECONDS = 0.2; parent_watch.main(sys.argv[1:])"
    )
    with child(
        [sys.executable, "-c", impatient, sys.executable, "-c", STUBBORN],
        stdin=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as watcher:
        family += pids_in(folder)
        parent_watch.stop(watcher)
    assert none_runs(family)


@pytest.mark.parametrize("kill", [os.kill, os.killpg])
def test_the_death_of_the_parent_or_its_group_ends_all_and_removes_the_folder(
    folder: Path, family: list[int], kill: Callable[[int, int], None]
) -> None:
    with child(
        [sys.executable, "-c", PARENT, str(folder), WAITS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        family += pids_in(folder)
        kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: none_runs(family), "the command ends with its parent")
    wait_until(lambda: not folder.exists(), "its folder is removed")


def test_the_command_ignores_no_signal_that_was_ignored_before(folder: Path) -> None:
    says = "import signal; print(*(signal.getsignal(n) is signal.SIG_IGN for n in (1, 2, 15)))"
    ignores = (
        "import signal, sys; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\n"
        "from local.aws import parent_watch; parent_watch.main(sys.argv[1:])"
    )
    with child(
        [sys.executable, "-c", ignores, sys.executable, "-c", says],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as watcher:
        said = watcher.stdout.read() if watcher.stdout else b""
    assert said == b"False False False\n"


def test_a_call_without_a_command_prints_the_usage() -> None:
    with pytest.raises(SystemExit, match="COMMAND"):
        parent_watch.main(["--remove", "/nowhere"])
