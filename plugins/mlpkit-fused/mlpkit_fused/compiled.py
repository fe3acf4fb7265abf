"""The modules in C, which are missing where there was no compiler."""

from __future__ import annotations

from importlib import import_module

REINSTALL = "pip install --force-reinstall --no-deps --no-cache-dir --no-binary mlpkit-fused mlpkit-fused"


def unavailable(module: str) -> str:
    """Return the reason why a module in C, such as "_kernels", cannot be used; empty if it can."""
    try:
        import_module(f"mlpkit_fused.{module}")
    except ModuleNotFoundError:
        return f"built without a C compiler: install one, then {REINSTALL}"
    except ImportError as error:
        return f"its code in C cannot be loaded: {error}"
    return ""
