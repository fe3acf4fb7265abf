"""From a file to a model: everything is checked before it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlpkit.code_file import register
from mlpkit.drift import check_drift
from mlpkit.model import Model
from mlpkit.modelfile.loading import Verify, check_verify
from mlpkit.plugin import Plugin
from mlpkit.storage import map_parts, read_parts


def load(
    path: str | Path,
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
    path : str or Path
    plugins : sequence of type
        Plugin classes of your own that the model was trained with.
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
        An activation that the model was trained with cannot be used; the error says which distribution to install.
    DriftedPlugin
        With `strict`, when a plugin computes otherwise than where the model was saved.

    Warns
    -----
    PluginDriftWarning
        A plugin computes otherwise than where the model was saved.
    ProbeWarning
        The network answers otherwise than where it was saved.
    SurrogateWarning
        The model predicts through a table, and how good that is.
    """
    check_verify(verify, mmap)
    register(*plugins)
    if not mmap:
        parts, contents = read_parts(path, allow_surrogate)
        check_drift(parts, contents, path, strict)
        return Model.from_parts(parts)
    parts, contents, verify_tensors = map_parts(path, allow_surrogate)

    def verify_all() -> None:
        verify_tensors()
        check_drift(parts, contents, path, strict)

    if verify == "lazy":
        return Model.from_parts(parts, verify_all)
    verify_all()
    return Model.from_parts(parts)
