"""Runs one part of the benchmark: `python -m bench.run_part NAME FILE`.

Every part runs in a process of its own, because the worker reads its environment variables when it
is imported.
"""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.part import Part


def main(name: str, result_file: Path) -> None:
    """Run a part, and write its results and tables to a file."""
    part: Part = importlib.import_module(f"bench.parts.{name}").PART
    results = part.measure()
    tables = [asdict(table) for table in part.tables(results)]
    result_file.write_text(json.dumps({"results": results, "tables": tables}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
