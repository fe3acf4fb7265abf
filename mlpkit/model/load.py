"""Loading of a model from a file, with verification before use."""

from __future__ import annotations

from collections.abc import Sequence

from mlpkit.model.model import Model
from mlpkit.model.serialization import map_parts, read_parts, whole_spec
from mlpkit.modelfile.array_loading import Verify, check_verify
from mlpkit.modelfile.hdf5.source import ModelSource, named
from mlpkit.plugin import Plugin
from mlpkit.plugin.engine import engine_named
from mlpkit.plugin.environment import strict as strict_by_environment
from mlpkit.plugin.user_code import register
from mlpkit.provenance.drift import check_completed, check_drift
from mlpkit.provenance.placeholders import Placeholder
from mlpkit.spec import Spec
from mlpkit.spec.plugin_objects import plugin_objects


def load(
    path: ModelSource,
    *,
    plugins: Sequence[type[Plugin]] = (),
    mmap: bool = False,
    verify: Verify = "full",
    allow_surrogate: bool = False,
    strict: bool | None = None,
    engine: str | None = None,
) -> Model:
    """Return the model in a file, verified before use.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
        File objects are read from their current position.
    plugins : sequence of type
        Plugin classes of the model. Each is used for the plugin of its name, whatever the distribution of that plugin, but not for a
        built-in. Different results cause a warning.
    mmap : bool
        Map the file into memory instead of reading the parameters, which then share memory with every other process that maps the file.
        Such a file must not be overwritten in place; mlpkit never does that. Training such a model copies the parameters.
    verify : "full" or "lazy"
        "full" verifies the parameters now; "lazy" needs `mmap` and verifies them when the network is first used.
    allow_surrogate : bool
        Allow predictions with the lookup table in the file if an activation is not installed. Other missing plugins, such as the loss, do
        not prevent predictions; an error is raised where they are needed.
    strict : bool, optional
        True to raise plugin warnings as errors; default: as set by MLPKIT_STRICT_PLUGINS.
    engine : str, optional
        Engine that computes predictions, such as "fused" of the package mlpkit-fused: the attribute `Model.engine`.

    Raises
    ------
    ModelFileError
        The file is not a model file, or is damaged or unsafe.
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        An activation of the model cannot be used; the message names the distribution to install. Other third-party plugins are imported
        only when they are needed.
    DriftedPlugin
        With `strict`: a plugin computes other values than when the model was saved.

    Warns
    -----
    PluginDriftWarning
        A plugin computes other values than when the model was saved. Plugins that predictions do not need are checked on first use.
    ProbeWarning
        The network computes other predictions than when it was saved.
    SurrogateWarning
        The model uses a lookup table; the message gives its accuracy.
    """
    check_verify(verify, mmap)
    register(*plugins)
    engine_named(engine)  # a missing one is reported before anything is read
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
        check_drift(parts.spec, parts.networks, contents, name, strict)

    if strict_by_environment() if strict is None else strict:
        parts = parts._replace(spec=complete())
    waiting = complete if any(isinstance(plugin, Placeholder) for plugin in plugin_objects(parts.spec)) else None
    if verify == "full":
        verify_all()
    model = Model.from_parts(parts, verify_all if verify == "lazy" else None, waiting)
    model.engine = engine
    return model
