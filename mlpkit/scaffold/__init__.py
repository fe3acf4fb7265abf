"""Scaffold: a new package with a plugin, whole: code, tests by the conformance kit, licence, an example that trains."""

from mlpkit.scaffold.package import Package, new_package
from mlpkit.scaffold.user_code import Own

__all__ = ["Own", "Package", "new_package"]
