"""`python -m mlpkit` is the same program as `mlpkit`."""

from __future__ import annotations

import sys

from mlpkit.cli import main

sys.exit(main())
