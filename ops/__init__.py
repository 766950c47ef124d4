"""The operator's command line, `queue-ends`."""

import sys
from pathlib import Path

# The commands import some modules of the deployed code, whose import root is functions/. That
# folder is added last, so that its modules shadow no others.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
