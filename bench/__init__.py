"""Benchmarks against what people would use instead: `make bench`."""

import sys
from pathlib import Path

# The modules of functions/ are imported from the root of that folder, as in Lambda.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
