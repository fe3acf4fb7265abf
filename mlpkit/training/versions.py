"""Versions on which results depend: of NumPy, and of the distributions that provide plugins."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from mlpkit.errors import PluginError
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.engine import NUMPY
from mlpkit.spec import Spec
from mlpkit.spec.plugin_objects import plugin_objects
from mlpkit.version import __version__


def versions(spec: Spec) -> dict[str, str]:
    """Return versions by distribution, with that of the engine; user code has none."""
    infos = [REGISTRIES[plugin.kind].info(type(plugin)) for plugin in plugin_objects(spec)]
    if spec.training.engine not in (None, NUMPY):
        with suppress(PluginError):  # missing: reported where it is used
            infos.append(REGISTRIES["engines"].find(spec.training.engine))
    of_plugins = {info.distribution: info.version for info in infos if info.distribution and info.version}
    return {"numpy": np.__version__, "mlpkit": __version__, **of_plugins}


def changed_versions(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return descriptions of changed versions; distributions that are missing on one side are ignored."""
    return [f"{name} {then[name]} then, {now[name]} now" for name in then if name in now and then[name] != now[name]]
