"""The conformance kit: whether a plugin keeps its contract, asked by calling it as mlpkit does.

>>> from mlpkit.testing import check_plugin
>>> print(check_plugin("relu"))                     # doctest: +SKIP

In a test file, every check as a test of its own:

>>> from mlpkit.testing import parametrize_with_checks
>>> @parametrize_with_checks([Swish, Swish(beta=2.0)])   # doctest: +SKIP
... def test_swish(check):
...     check()

Each check draws its arrays by seed, so that it finds the same each time, and puts back what a plugin changes in the process.
The names of the checks are a promise. `runs` comes before those that call the plugin: they are skipped where it fails.
"""

from mlpkit.testing.conformance import check_plugin
from mlpkit.testing.failure_messages import NotApplicable
from mlpkit.testing.parametrize import parametrize_with_checks
from mlpkit.testing.report import Check, Report

__all__ = ["Check", "NotApplicable", "Report", "check_plugin", "parametrize_with_checks"]
