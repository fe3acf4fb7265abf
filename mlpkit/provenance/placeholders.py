"""Stand-ins: what takes the place of the plugins of a model that are missing where it is loaded.

A network predicts without its loss, its optimizer, its initializers and its metrics: in place of each stands a plugin that
says what to install when it is asked for. An activation is needed; in its place stands its table, if the user wants that.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import new_class
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict

from mlpkit.errors import MissingPlugin, PluginError, SurrogateWarning, warn
from mlpkit.plugin import CONTRACTS, Activation, Array, Plugin
from mlpkit.plugin.registry import PluginInfo
from mlpkit.provenance.lookup_table import Table, key_of
from mlpkit.text.shown import shortened

CONTRACT = {contract.kind: contract for contract in CONTRACTS}


class Missing(NamedTuple):
    """The records of a model file about a plugin that is not here.

    Attributes
    ----------
    info : PluginInfo
        As it was where the model was saved.
    help : str
        What to install or to pass.
    records : dict of str to dict
        What the file says of it, by the text of its options.
    tables : dict of str to Table
        Of an activation, by the same; empty when it must not be predicted through one.
    broken : PluginError or None
        What is wrong with a plugin that is here and cannot be imported.
    """

    info: PluginInfo
    help: str
    records: Mapping[str, dict[str, Any]]
    tables: Mapping[str, Table]
    broken: PluginError | None = None

    @property
    def error(self) -> PluginError:
        """The error of whoever needs the plugin itself."""
        if self.broken is not None:
            return self.broken
        return MissingPlugin(f"the model was trained with {self.info.full_name!r}, which is not here", help=self.help)


class StandIn(Plugin):
    """Base of the stand-ins: it has whatever options the plugin has."""

    model_config = ConfigDict(extra="allow")
    missing: ClassVar[Missing]
    stands_for: ClassVar[PluginInfo]

    def model_post_init(self, context: Any) -> None:
        """Raise ValueError for options that the file has no record of."""
        if self._key not in self.missing.records:
            raise ValueError("has options of which the list of plugins says nothing")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StandIn) and self.record == other.record

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> str:
        return key_of(self.model_dump(mode="json"))

    @property
    def record(self) -> dict[str, Any]:
        """Return what the file says of the plugin with these options."""
        return dict(self.missing.records[self._key])

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.missing, self.model_dump(mode="json"))


class Surrogate(StandIn, Activation):
    """An activation through its table, for prediction alone."""

    @property
    def table(self) -> Table:
        """The table of the activation with these options."""
        return self.missing.tables[self._key]

    def forward(self, z: Array, out: Array) -> None:
        table = self.table
        if ((z < table.start) | (z > table.stop)).any():
            name, ends = shortened(self.stands_for.full_name, 100), f"{table.start:.4g} to {table.stop:.4g}"
            message = f"some scores are beyond the table of {name} ({ends}), which goes on as a straight line there"
            warn(SurrogateWarning(message))
        out[...] = table(z)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        raise self.missing.error


def stand_in(missing: Missing) -> type[Plugin]:
    """The class that stands for a plugin."""
    kind, contract = missing.info.kind, CONTRACT[missing.info.kind]
    any_options = ConfigDict(extra="allow")  # said again: that of the contract would prevail
    values: dict[str, Any] = {"missing": missing, "stands_for": missing.info, "__module__": __name__, "model_config": any_options}
    if kind == "metrics":
        values |= {"higher_is_better": True, "task": "regression"}
    if kind == "activations" and missing.tables:
        output = next(iter(missing.records.values()))["surrogate"]["output"]
        return new_class("Surrogate", (Surrogate,), exec_body=lambda body: body.update(values, output=output))

    def fail(self: Plugin, *arguments: Any, **options: Any) -> Any:
        raise missing.error

    methods = dict.fromkeys(getattr(contract, "__abstractmethods__", ()), fail)
    return new_class("StandIn", (StandIn, contract), exec_body=lambda body: body.update(values, **methods))


def _remade(missing: Missing, options: dict[str, Any]) -> Plugin:
    return stand_in(missing).model_validate(options)


def require(*plugins: Plugin) -> None:
    """Raise MissingPlugin or BrokenPlugin when something stands for one of these plugins, which are needed now."""
    for plugin in plugins:
        if isinstance(plugin, StandIn):
            raise plugin.missing.error
