"""Entry point of `python -m bench [PART ...]`: runs all parts of the benchmark, or some."""

import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench.parts
from bench.chart import chart
from bench.machine import environment
from bench.part import Table
from bench.printed import as_text, facts_as_text

_PROJECT = Path(__file__).resolve().parents[1]
_RESULTS = _PROJECT / "build" / "bench" / "results.json"
_CHART = _RESULTS.with_name("chart.svg")
_PARTS = tuple(module.name for module in pkgutil.iter_modules(bench.parts.__path__))


def main(names: Sequence[str]) -> int:
    """Run parts, all if none is named; print their tables, and write results.json and chart.svg.

    The files are in `build/bench`. They keep the results of parts that are not run, unless these
    are from another machine or commit.

    Returns
    -------
    int
        The process's exit status: 1 if a part failed.
    """
    if unknown := set(names) - {*_PARTS}:
        sys.exit(f"There is no part {', '.join(sorted(unknown))}. The parts: {', '.join(_PARTS)}.")
    facts = environment()
    print(facts_as_text(facts), end="\n\n")
    failed = []
    for name in names or _PARTS:
        start = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        if outcome := _run(name):
            results, tables = outcome
            _save(facts, name, results)
            print(*map(as_text, tables), sep="\n\n", end="\n\n", flush=True)
        else:
            failed.append(name)
        print(f"{name} took {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"Results: {_RESULTS.relative_to(_PROJECT)}, {_CHART.relative_to(_PROJECT)}")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def _run(name: str) -> tuple[dict[str, Any], list[Table]] | None:
    """Run a part in a fresh process; return its results and tables, or None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        command = [sys.executable, "-m", "bench.run_part", name, str(file)]
        # No profile, endpoint or region of the user's own takes part.
        variables = {name: os.environ[name] for name in os.environ if not name.startswith("AWS_")}
        # The worker writes its log to stdout.
        status = subprocess.run(
            command, cwd=_PROJECT, env=variables, stdout=subprocess.DEVNULL, check=False
        )
        if status.returncode or not file.exists():
            return None
        result = json.loads(file.read_text(encoding="utf-8"))
    return result["results"], [Table(**table) for table in result["tables"]]


def _save(facts: dict[str, str | int], name: str, results: dict[str, Any]) -> None:
    saved = json.loads(_RESULTS.read_text(encoding="utf-8")) if _RESULTS.exists() else {}
    kept = saved["parts"] if saved.get("environment") == facts else {}
    parts = {**kept, name: results}
    _RESULTS.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"environment": facts, "parts": parts}, indent=2)
    _RESULTS.write_text(f"{text}\n", encoding="utf-8")
    _CHART.write_text(chart(facts, parts), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
