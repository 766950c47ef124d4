"""The demo: what its page shows, and that nothing of it stays when it is interrupted."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.aws.project import ROOT
from local.dashboard.page import Page
from local.demo import demo
from local.demo.report import RunReport
from local.genesys.login import CLIENT_SECRET, TOKEN_START
from tests.children import child, status_of
from tests.polling import wait_until
from tests.secret_search import SecretSearch

# One process for what takes all of a machine.
pytestmark = pytest.mark.xdist_group("demo")

NOTHING_TO_SHOW = {
    "Ledger throttles",
    "What the watchdog found",
    "Events not delivered, by rule",
}
"""Graphs and tables of faults that a demo's run has not."""


FOREIGN = {
    "AWS_PROFILE": "of-somebody",
    "AWS_REGION": "eu-west-3",
    "AWS_ENDPOINT_URL": "http://192.0.2.1",
    "HTTP_PROXY": "http://192.0.2.1",
    "NO_PROXY": "",
    "no_proxy": "",
}
"""What a user's environment may have that must not reach a run."""


@dataclass(frozen=True)
class Shown:
    """What a demo has printed and shown."""

    status: int
    printed: str
    page: Page


@pytest.fixture
def shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shown:
    """A small demo of the delivery that has more to show, and of details, to the end."""
    seen: list[Page] = []
    checks = demo.dashboard_checks

    def noting(page: Page, report: RunReport) -> dict[str, bool]:
        seen.append(page)
        return checks(page, report)

    monkeypatch.setattr(demo, "dashboard_checks", noting)
    file = tmp_path / "page.html"
    chosen = ["--delivery", "eventbridge", "--details", "analytics"]
    status = demo.main(["--events", "40", *chosen, "--page", str(file)])
    (page,) = seen
    return Shown(status, capsys.readouterr().out, page)


def row(printed: str, label: str) -> int:
    """Return the figure in a row of the printed report."""
    (figure,) = re.findall(rf"^ +{re.escape(label)}\.+ +(\d+)$", printed, re.MULTILINE)
    return int(figure)


def test_the_page_shows_the_numbers_of_the_run_loads_nothing_and_holds_no_secret(
    shown: Shown,
) -> None:
    page, printed = shown.page, shown.printed
    assert shown.status == 0, printed
    title = "Messages in the time range"
    for outcome in ("processed", "duplicate"):
        assert page.total(title, outcome) == row(printed, f"  {outcome}")
    assert page.total(title, "failed") == row(printed, "retries, each after a delay")
    assert page.total(title, "received") == row(printed, "received by the worker") + row(
        printed, "retries, each after a delay"
    )
    assert page.total("Ends in the time range", "ends") == row(printed, "arrived at the CRM")
    # Each reject is deleted by the worker, and by the mapping once more.
    assert page.total("Messages sent and deleted", "sent") == sum(
        row(printed, label)
        for label in (
            "sent on to the intake queue",
            "sent straight to the intake queue",
            "sent by the worker to itself, to ask again",
        )
    )
    assert page.total("Event source mapping", "returned as failed") == page.total(title, "failed")
    assert set(page.empty()) == NOTHING_TO_SHOW
    assert set(page.series["Ends processed, by queue"]) == {"Support (a1b2…)", "Billing (b2c3…)"}
    html = page.file.read_text(encoding="utf-8")
    assert "default-src 'none'" in html
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", html) == []
    search = SecretSearch({"secret": CLIENT_SECRET.encode(), "token": TOKEN_START.encode()})
    for text in (html, printed):
        assert not search(text.encode())
        assert "whsec_" not in text


@pytest.mark.parametrize(
    ("module", "ending"), [("local.demo", signal.SIGINT), ("local.chaos", signal.SIGTERM)]
)
def test_a_run_that_is_stopped_leaves_no_process_no_file_and_no_traceback(
    tmp_path: Path, module: str, ending: signal.Signals
) -> None:
    # As a background job of a script begins.
    ignores = "import runpy, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    runs = f"runpy.run_module({module!r}, run_name='__main__')"
    output = tmp_path / "output"
    with (
        output.open("w") as sink,
        child(
            [sys.executable, "-c", ignores + runs],
            cwd=ROOT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **FOREIGN, "TMPDIR": str(tmp_path)},
        ) as run,
    ):
        wait_until(lambda: "[2/" in output.read_text(), "the deploy to begin")
        run.send_signal(ending)
        status = status_of(run)

    printed = output.read_text()
    assert status == 130
    assert "Traceback" not in printed
    assert "Interrupted" in printed
    wait_until(lambda: not _mentioning(str(tmp_path)), "every process of it to be gone")
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
