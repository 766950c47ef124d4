"""The offline world: all that Queue Ends talks to, on this machine, a room for each part of it."""

import sys
from pathlib import Path

# Names that the offline world and the deployed code must agree on stand in functions/, which is a
# root of imports of its own. Last on the path, so that nothing there stands in for a module
# elsewhere.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
