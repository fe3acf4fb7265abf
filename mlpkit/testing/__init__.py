"""Conformance kit: checks that a plugin fulfils its contract, by calling it as mlpkit does.

>>> from mlpkit.testing import check_plugin
>>> print(check_plugin("relu"))                     # doctest: +SKIP

In a test file, with one test per check:

>>> from mlpkit.testing import parametrize_with_checks
>>> @parametrize_with_checks([Bend, Bend(beta=2.0)])   # doctest: +SKIP
... def test_bend(check):
...     check()

Each check generates its arrays from a fixed seed, so that results are reproducible, and restores process state that a plugin
changes. The names of the checks are stable. `runs` comes before the checks that call the plugin; they are skipped if it fails.
"""

from mlpkit.testing.conformance import check_plugin
from mlpkit.testing.failure_messages import NotApplicable
from mlpkit.testing.parametrize import parametrize_with_checks
from mlpkit.testing.report import Check, Report

__all__ = ["Check", "NotApplicable", "Report", "check_plugin", "parametrize_with_checks"]
