"""The results at a glance: a picture with a panel of bars for each question."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from bench.contenders.setup import CONTENDERS
from bench.printed import cell_text

# The batch size of the panels. The tables show the others.
_BATCH = 100
_FACTS_PER_LINE = 6
_OURS, _PEERS = "#1f6feb", "#b8bfc6"
# In pixels. Labels end where the bars begin.
_WIDTH, _MARGIN, _BAR_X, _BAR_WIDTH = 960, 24, 360, 500


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of horizontal bars.

    Attributes
    ----------
    bars
        Each bar's label, value, and whether it is ours.
    """

    title: str
    bars: Sequence[tuple[str, float, bool]]


def panels(parts: Mapping[str, Any]) -> list[Panel]:
    """Return the panels for those parts of the benchmark that have results."""
    return [make(parts[name]) for name, make in _PANELS.items() if name in parts]


def chart(facts: Mapping[str, str | int], parts: Mapping[str, Any]) -> str:
    """Return the chart as SVG, with facts about the machine below the title."""
    lines = [
        _text(_MARGIN, 36, "Queue Ends, and what people would use instead", size=22, weight=600),
    ]
    y = 58
    words = [f"{name} {value}" for name, value in facts.items()]
    for start in range(0, len(words), _FACTS_PER_LINE):
        line = " · ".join(words[start : start + _FACTS_PER_LINE])
        lines.append(_text(_MARGIN, y, line, size=11))
        y += 16
    y += 28
    for panel in panels(parts):
        lines.append(_text(_MARGIN, y, panel.title, size=15, weight=600))
        y += 14
        largest = max(value for _, value, _ in panel.bars)
        for label, value, is_ours in panel.bars:
            width = max(1.0, value / largest * _BAR_WIDTH)
            color = _OURS if is_ours else _PEERS
            lines += [
                _text(_BAR_X - 8, y + 14, label, size=12, anchor="end"),
                f'<rect x="{_BAR_X}" y="{y + 2}" width="{width:.1f}" height="16" fill="{color}"/>',
                _text(_BAR_X + width + 6, y + 14, cell_text(value), size=12),
            ]
            y += 22
        y += 34
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" '
        f'viewBox="0 0 {_WIDTH} {y}" font-family="system-ui, sans-serif" fill="#1f2328">'
    )
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, background, *lines, "</svg>", ""])


def _text(
    x: float, y: float, text: str, *, size: int, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _per_record(results: Mapping[str, Any]) -> Panel:
    rows = [
        row
        for row in results["rows"]
        if (row["aws"], row["batch"]) == ("stubbed", _BATCH) and row["contender"] != "unchecked"
    ]
    return Panel(
        f"CPU time per end in µs, batches of {_BATCH} (less is better)",
        [
            (_label(row), row["cpu_us_per_end"]["median"], row["contender"] == "ours")
            for row in rows
        ],
    )


def _latency(results: Mapping[str, Any]) -> Panel:
    rows = [row for row in results["rows"] if row["batch"] == _BATCH]
    return Panel(
        f"Ends per second of one worker when calls wait, batches of {_BATCH} (more is better)",
        [(_label(row), row["ends_per_second"], row["contender"] == "ours") for row in rows],
    )


def _calls(results: Mapping[str, Any]) -> Panel:
    rows = [
        row
        for row in results["rows"]
        if row["batch"] == _BATCH and row["delivery"] == "subscription"
    ]
    return Panel(
        f"Calls to AWS per 1,000 ends, batches of {_BATCH} (less is better)",
        [
            (
                _label({**row, "destinations": ",".join(row["destinations"])}),
                sum(row["calls_per_1000_ends"].values()),
                row["contender"] == "ours",
            )
            for row in rows
        ],
    )


def _end_to_end(results: Mapping[str, Any]) -> Panel:
    return Panel(
        f"Ends per second on the emulator, batches of {results['batch']} (more is better)",
        [
            (
                row["contender"],
                statistics.median(row["ends_per_second"]),
                row["contender"].startswith("Queue Ends"),
            )
            for row in results["rows"]
        ],
    )


def _cold_start(results: Mapping[str, Any]) -> Panel:
    functions = ("worker", "provisioner", "watchdog")
    return Panel(
        "Cold start in ms of CPU time (less is better)",
        [
            (name, times["total"]["cpu"]["median"], name.startswith(functions))
            for name, times in results["milliseconds"].items()
        ],
    )


def _growth(results: Mapping[str, Any]) -> Panel:
    return Panel(
        "CPU time per end after so many ends, as a multiple of a new worker's (1 is best)",
        [
            (
                f"{row['ends']:,}",
                row["cpu_us_per_end"]["median"] / row["new_worker_cpu_us_per_end"]["median"],
                True,
            )
            for row in results["rows"]
        ],
    )


def _label(row: Mapping[str, Any]) -> str:
    name = CONTENDERS.get(row["contender"], row["contender"])
    return f"{name}: {row['destinations']}"


_PANELS: dict[str, Callable[[Mapping[str, Any]], Panel]] = {
    "per_record": _per_record,
    "latency": _latency,
    "calls": _calls,
    "end_to_end": _end_to_end,
    "cold_start": _cold_start,
    "growth": _growth,
}
