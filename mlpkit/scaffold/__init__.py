"""Scaffold of a new package with a plugin: code, contract tests, license, and an example that trains."""

from mlpkit.scaffold.package import Package, new_package
from mlpkit.scaffold.user_code import Own

__all__ = ["Own", "Package", "new_package"]
