"""From a file to a model: everything is checked before it is believed."""

from __future__ import annotations

from collections.abc import Sequence

from mlpkit.model.model import Model
from mlpkit.model.serialization import map_parts, read_parts, whole_spec
from mlpkit.modelfile.array_loading import Verify, check_verify
from mlpkit.modelfile.hdf5.source import ModelSource, named
from mlpkit.plugin import Plugin
from mlpkit.plugin.environment import strict as strict_by_environment
from mlpkit.plugin.user_code import register
from mlpkit.provenance.drift import check_completed, check_drift
from mlpkit.provenance.placeholders import Placeholder
from mlpkit.spec import Spec
from mlpkit.spec.plugins import plugin_objects


def load(
    path: ModelSource,
    *,
    plugins: Sequence[type[Plugin]] = (),
    mmap: bool = False,
    verify: Verify = "full",
    allow_surrogate: bool = False,
    strict: bool | None = None,
) -> Model:
    """The model in a file, checked before it is believed.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
        Of a file object what is left from its position on.
    plugins : sequence of type
        Plugin classes that the model was trained with. One is taken for the plugin of its name, whatever distribution that was
        from; what it computes otherwise is warned of.
    mmap : bool
        Map the file into memory in place of reading the network's numbers: they share their memory with every other
        process that maps the file. Such a file must not be written over in place; mlpkit itself never does. Training
        such a model copies them.
    verify : "full" or "lazy"
        Whether the network's numbers are verified now, or, with `mmap`, when the network is used first.
    allow_surrogate : bool
        Predict through the table that the file has of an activation which is missing here. Other plugins that are
        missing, such as the loss, are no obstacle to predictions: what needs them says so.
    strict : bool, optional
        Whether what is else warned of is an error; as MLPKIT_STRICT_PLUGINS says when left out.

    Raises
    ------
    ModelFileError
        The file is no model, or is damaged or unsafe.
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        An activation that the model was trained with cannot be used; the error says which distribution to install. Of other
        plugins that mlpkit does not bring none is imported before it is needed.
    DriftedPlugin
        With `strict`, when a plugin computes otherwise than where the model was saved.

    Warns
    -----
    PluginDriftWarning
        A plugin computes otherwise than where the model was saved; of those that no prediction needs, when one is needed.
    ProbeWarning
        The network answers otherwise than where it was saved.
    SurrogateWarning
        The model predicts through a table, and how good that is.
    """
    check_verify(verify, mmap)
    register(*plugins)
    name = named(path)
    parts, contents, verify_tensors = (
        map_parts(path, allow_surrogate, plugins) if mmap else (*read_parts(path, allow_surrogate, plugins), None)
    )

    def complete() -> Spec:
        spec = whole_spec(contents, parts.spec, name, allow_surrogate, plugins)
        check_completed(spec, parts.spec, contents, name, strict)
        return spec

    def verify_all() -> None:
        if verify_tensors is not None:
            verify_tensors()
        check_drift(parts.spec, parts.network, contents, name, strict)

    if strict_by_environment() if strict is None else strict:
        parts = parts._replace(spec=complete())
    waiting = complete if any(isinstance(plugin, Placeholder) for plugin in plugin_objects(parts.spec)) else None
    if verify == "lazy":
        return Model.from_parts(parts, verify_all, waiting)
    verify_all()
    return Model.from_parts(parts, complete=waiting)
