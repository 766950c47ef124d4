"""The offline world: local stand-ins for every service that Queue Ends uses."""

import sys
from pathlib import Path

# The offline world also imports from functions/, which is a separate import root. That root comes
# last on the path, so that its modules do not shadow other modules.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
