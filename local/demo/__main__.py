"""Entry point of `python -m local.demo`."""

import sys

from local.demo.demo import main

sys.exit(main())
