"""Entry point of `python -m local.chaos`."""

import sys

from local.chaos.chaos import main

sys.exit(main())
