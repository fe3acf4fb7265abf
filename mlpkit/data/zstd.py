"""Files compressed with zstd: the standard library reads them from Python 3.14 on, the package backports.zstd (extra `zstd`) before."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from mlpkit.data.table import data_error

_MODULE = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
_HELP = 'unpack it: unzstd FILE; or pip install "mlpkit[zstd]"'


def open(raw: Any) -> Any:
    """Return a stream of what a compressed stream holds. Raise DataError if the package is not installed."""
    try:
        return importlib.import_module(_MODULE).open(raw)
    except ImportError as error:
        raise data_error(f"{raw.name} is compressed with zstd, and the package for that is not installed", raw.name, help=_HELP) from error


def __getattr__(name: str) -> Any:
    """Return the error of the package."""
    if name == "ZstdError" and _MODULE in sys.modules:
        return sys.modules[_MODULE].ZstdError
    raise AttributeError(name)
