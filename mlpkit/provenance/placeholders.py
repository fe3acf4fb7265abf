"""Placeholders for plugins that are not installed.

A network predicts without its loss, optimizer, initializers and metrics. The placeholder of each raises an error with the command
to install it when it is used. An activation is needed for predictions; its lookup table replaces it if the user allows that.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import new_class
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict

from mlpkit.errors import MissingPlugin, PluginError, SurrogateWarning, warn
from mlpkit.plugin import CONTRACTS, Activation, Array, Plugin
from mlpkit.plugin.registry import PluginInfo
from mlpkit.provenance.lookup_table import LookupTable, key_of
from mlpkit.text.shown import shortened

CONTRACT = {contract.kind: contract for contract in CONTRACTS}


class Missing(NamedTuple):
    """Records of a model file for a plugin that is missing.

    Attributes
    ----------
    info : PluginInfo
        Name, distribution and version when the model was saved.
    help : str
        Advice for the error message: the package to install or the code to pass.
    records : dict of str to dict
        Record for each set of options, by the canonical text of the options.
    tables : dict of str to LookupTable
        Lookup tables of an activation, by the same keys; empty if they must not be used.
    broken : PluginError or None
        Error of a plugin that is installed but unusable.
    """

    info: PluginInfo
    help: str
    records: Mapping[str, dict[str, Any]]
    tables: Mapping[str, LookupTable]
    broken: PluginError | None = None

    @property
    def error(self) -> PluginError:
        """Error to raise where the plugin itself is needed."""
        if self.broken is not None:
            return self.broken
        return MissingPlugin(f"the model was trained with {self.info.full_name!r}, which is not installed", help=self.help)


class Placeholder(Plugin):
    """Base class of placeholders, which accept any options."""

    model_config = ConfigDict(extra="allow")
    missing: ClassVar[Missing]
    replaced_plugin: ClassVar[PluginInfo]

    def model_post_init(self, context: Any) -> None:
        """Raise ValueError if the file has no record of these options."""
        if self._key not in self.missing.records:
            raise ValueError("has options that the file's list of plugins does not contain")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placeholder) and self.record == other.record

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> str:
        return key_of(self.model_dump(mode="json"))

    @property
    def record(self) -> dict[str, Any]:
        """Record of the plugin with these options in the file."""
        return dict(self.missing.records[self._key])

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.missing, self.model_dump(mode="json"))


class LookupActivation(Placeholder, Activation):
    """Activation computed from its lookup table, for prediction only."""

    @property
    def table(self) -> LookupTable:
        """Lookup table of the activation with these options."""
        return self.missing.tables[self._key]

    def forward(self, z: Array, out: Array) -> None:
        table = self.table
        if ((z < table.start) | (z > table.stop)).any():
            name, ends = shortened(self.replaced_plugin.full_name, 100), f"{table.start:.4g} to {table.stop:.4g}"
            message = f"some pre-activations are outside the table of {name} ({ends}), which extrapolates linearly"
            warn(SurrogateWarning(message))
        out[...] = table(z)

    def onnx(self, op: Any, z: Any) -> Any:
        return self.table.onnx(op, z)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        raise self.missing.error


def placeholder_class(missing: Missing) -> type[Plugin]:
    """Return a placeholder class for a plugin."""
    kind, contract = missing.info.kind, CONTRACT[missing.info.kind]
    any_options = ConfigDict(extra="allow")  # repeated here, because the contract's configuration would override it
    values: dict[str, Any] = {"missing": missing, "replaced_plugin": missing.info, "__module__": __name__, "model_config": any_options}
    if kind == "metrics":
        values |= {"higher_is_better": True, "task": "regression"}
    if kind == "activations" and missing.tables:
        output = next(iter(missing.records.values()))["surrogate"]["output"]
        return new_class("LookupActivation", (LookupActivation,), exec_body=lambda body: body.update(values, output=output))

    def fail(self: Plugin, *arguments: Any, **options: Any) -> Any:
        raise missing.error

    methods = dict.fromkeys(getattr(contract, "__abstractmethods__", ()), fail)
    return new_class("Placeholder", (Placeholder, contract), exec_body=lambda body: body.update(values, **methods))


def _rebuilt(missing: Missing, options: dict[str, Any]) -> Plugin:
    return placeholder_class(missing).model_validate(options)


def require(*plugins: Plugin) -> None:
    """Raise MissingPlugin or BrokenPlugin if one of these plugins is a placeholder."""
    for plugin in plugins:
        if isinstance(plugin, Placeholder):
            raise plugin.missing.error
