"""Scaffold: a new package with a plugin, whole: code, tests by the conformance kit, licence, an example that trains."""

from mlpkit.scaffold.own import Own
from mlpkit.scaffold.package import Package, new_package

__all__ = ["Own", "Package", "new_package"]
