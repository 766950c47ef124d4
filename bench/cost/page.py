"""Fills docs/performance.md with the tables of a run, which docs/performance.json holds."""

import importlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.cost.model import cost_tables
from bench.part import Table
from bench.printed import cell_text

_DOCS = Path(__file__).parents[2] / "docs"
PAGE, RESULTS = _DOCS / "performance.md", _DOCS / "performance.json"
_PLACE = re.compile(r"<!-- bench:(\w+) -->\n.*?<!-- /bench -->", re.DOTALL)


def render_page(text: str, results: Mapping[str, Any]) -> str:
    """Return the page's text with the tables of a run in the marked places.

    A place is marked with the name of a part, or with `cost` or `environment`. Without results of
    the part, it says so.
    """
    return _PLACE.sub(lambda place: _fill(place[1], results), text)


def _fill(name: str, results: Mapping[str, Any]) -> str:
    content = "\n\n".join(map(_as_markdown, _tables(name, results)))
    missing = f"This run has no results of the part `{name}`."
    return f"<!-- bench:{name} -->\n{content or missing}\n<!-- /bench -->"


def _tables(name: str, results: Mapping[str, Any]) -> list[Table]:
    if name == "environment":
        return [Table("", ("", ""), [[fact, str(v)] for fact, v in results["environment"].items()])]
    data = results["parts"].get("calls" if name == "cost" else name)
    if data is None:
        return []
    if name == "cost":
        return cost_tables(data)
    tables: list[Table] = importlib.import_module(f"bench.parts.{name}").PART.tables(data)
    return tables


def _as_markdown(table: Table) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    rows = "\n".join(f"| {' | '.join(map(cell_text, line))} |" for line in lines)
    title = f"**{table.title}**\n\n" if table.title else ""
    return title + rows + (f"\n\n{table.note}" if table.note else "")


def take_results(file: Path) -> None:
    """Keep the results in a file, with its date, as those of the page."""
    results = json.loads(file.read_text(encoding="utf-8"))
    results["environment"]["date"] = f"{datetime.fromtimestamp(file.stat().st_mtime, UTC):%F}"
    RESULTS.write_text(f"{json.dumps(results, indent=1)}\n", encoding="utf-8")


def write_page() -> None:
    """Rewrite the page's tables from its results and the prices."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(render_page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
