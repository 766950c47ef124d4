"""Entry point of `python -m bench.cost [RESULTS]`: rewrites the tables of docs/performance.md.

With the file of a run, build/bench/results.json, the page shows this run from now on.
"""

import sys
from pathlib import Path

from bench.cost.page import take_results, write_page

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        take_results(Path(argument))
    write_page()
