"""The offline world: stand-ins on this machine for all that Queue Ends talks to."""

import sys
from pathlib import Path

# The offline world imports shared names from functions/, which is an import root of its own. It is
# last on the path so that it hides no module of another root.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
